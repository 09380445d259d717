/** fs.parse as callers have it: real files, real contained children. What each kind gives is tested beside its reader. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { constants, deflateRawSync, deflateSync } from "node:zlib";
import type { ParseItem } from "../../modules/fs/parse/shapes.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { readProcessTable } from "../../src/platform/process-table.ts";
import { onePage, pageSaying, parsedOf, pdfOf, streamObject, wordOf, zipOf } from "./documents.ts";
import { lockedPdf } from "./encrypted-pdfs.ts";
import { allowing, type FsNode, fsNode, granted } from "./fs-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

const mebibyte = 2 ** 20;
/** A node that parses a bomb grows by less than this: some buffers, and what the collector leaves. */
const growthBytesMax = 192 * mebibyte;

async function parsed(node: FsNode, name: string, bytes: string | Uint8Array, more: object = {}) {
  writeFileSync(`${node.work}/${name}`, bytes);
  return parsedOf(await node.items<ParseItem>("parse", { path: `${node.work}/${name}`, ...more }));
}

async function refused(node: FsNode, name: string, bytes: string | Uint8Array, more: object = {}) {
  const before = process.memoryUsage.rss();
  const error = await parsed(node, name, bytes, more).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OperoneError);
  expect(String(error)).toContain(`${name}" was not read to its end`);
  expect(process.memoryUsage.rss() - before).toBeLessThan(growthBytesMax);
  expect(children()).toEqual([]);
  return (error as OperoneError).code;
}

const childrenNow = () => [...readProcessTable().values()].filter((row) => row.parent === process.pid);
/** Of others in this process. */
const before = new Set(childrenNow().map(({ pid }) => pid));

/** Processes that this file has started and not buried. */
function children() {
  return childrenNow().filter(({ pid }) => !before.has(pid));
}

test("documents of every kind are read by a contained child", async () => {
  await using node = await fsNode();
  const documents: readonly (readonly [string, string | Uint8Array, string])[] = [
    ["a.pdf", onePage(pageSaying("Hello")), "pdf"],
    ["a.docx", wordOf("<w:p><w:r><w:t>Hello</w:t></w:r></w:p>"), "docx"],
    ["a.html", "<p>Hello", "html"],
    ["a.md", "Hello", "markdown"],
    ["a.csv", "Hello,1\n", "csv"],
    ["a.json", '["Hello"]', "json"],
    ["a.ndjson", '"Hello"', "ndjson"],
    ["a.ts", "Hello", "code"],
    ["a.txt", "Hello", "text"],
  ];
  for (const [name, bytes, kind] of documents) {
    const { document, blocks, summary } = await parsed(node, name, bytes, { header: false });
    expect(document?.kind).toBe(kind as "pdf");
    expect(JSON.stringify(blocks)).toContain("Hello");
    expect(summary).toMatchObject({ blocks: 1, truncated: false });
  }
});

test("a bomb, a damaged, a locked or an endless document is an error, and the node does not notice", async () => {
  await using node = await fsNode();
  const spread = zipOf({ "word/document.xml": Buffer.alloc(140 * mebibyte, "a") });
  expect(await refused(node, "bomb.docx", spread)).toBe("too_large");
  expect(await refused(node, "cut.pdf", onePage(pageSaying("x")).subarray(0, 60))).toBe("unsupported_media");
  expect(await refused(node, "locked.pdf", lockedPdf)).toBe("unsupported_media");
  expect(await refused(node, "deep.json", "[".repeat(mebibyte))).toBe("unsupported_media");
  expect(await refused(node, "long.csv", Buffer.alloc(8 * mebibyte, "a"))).toBe("too_large");
  expect(await refused(node, "zeros.txt", Buffer.alloc(1_000))).toBe("unsupported_media");
});

test("a PDF that grows to gigabytes is given up, while others are answered", async () => {
  await using node = await fsNode();
  // 16 GB of zeros: a block of 256 MB that may be followed by others (RFC 1951), and all of it compressed once more.
  const zeros = deflateRawSync(Buffer.alloc(256 * mebibyte), { finishFlush: constants.Z_SYNC_FLUSH });
  const head = Buffer.from([0x78, 0x9c]);
  const end = Buffer.from([3, 0, 0, 0, 0, 1]);
  const twice = deflateSync(Buffer.concat([head, ...Array(64).fill(zeros), end]));
  const bomb = onePage(streamObject(twice, "/Filter [/FlateDecode /FlateDecode]"));
  const before = process.memoryUsage.rss();
  const parsing = parsed(node, "bomb.pdf", bomb, { timeoutMs: 30_000 }).catch(
    (error) => `${error.code} ${error.message}`,
  );
  expect(await node.value("stat", { path: node.work })).toMatchObject({ kind: "directory" });
  expect(String(await parsing)).toMatch(/^(too_large|deadline) /);
  expect(process.memoryUsage.rss() - before).toBeLessThan(growthBytesMax);
  expect(children()).toEqual([]);
});

/** Each of these forms draws the next one ten times: 10^depth drawings in the end. */
function multiplyingPdf(depth: number): Buffer {
  const first = 6;
  const forms = Array.from({ length: depth }, (_, at) => {
    const next = `${first + at + 1} 0 R`;
    const content = at === depth - 1 ? "BT /F1 9 Tf (x) Tj ET" : "/X Do ".repeat(10);
    const resources = at === depth - 1 ? "/Font << /F1 5 0 R >>" : `/XObject << /X ${next} >>`;
    const head = `/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << ${resources} >>`;
    return streamObject(Buffer.from(content), head).toString("latin1");
  });
  return pdfOf([
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /X 6 0 R >> >> >>",
    streamObject(Buffer.from("/X Do")),
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ...forms,
  ]);
}

test("a PDF that takes for ever is given up at its time", async () => {
  await using node = await fsNode();
  expect(await refused(node, "loop.pdf", multiplyingPdf(12), { timeoutMs: 2_000 })).toMatch(
    /^(deadline|too_large)$/,
  );
  expect((await parsed(node, "short.pdf", multiplyingPdf(3))).blocks[0]?.text).toContain("x");
});

test("a line of 200 MB is read in parts, and no more of it than was asked for", async () => {
  await using node = await fsNode();
  const path = `${node.work}/line.txt`;
  writeFileSync(path, Buffer.alloc(200 * mebibyte, "a"));
  const before = process.memoryUsage.rss();
  const input = { path, textLengthMax: 2 * mebibyte };
  const { blocks, summary } = parsedOf(await node.items<ParseItem>("parse", input));
  expect(blocks.every(({ lineStart, text }) => lineStart === 1 && (text?.length ?? 0) <= 131_072)).toBe(true);
  expect(summary?.truncated).toBe(true);
  expect(process.memoryUsage.rss() - before).toBeLessThan(growthBytesMax);
});

test("what is no file is refused before a child is started", async () => {
  await using node = await fsNode();
  mkdirSync(`${node.work}/folder`);
  const fifo = `${node.work}/fifo`;
  expect(Bun.spawnSync(["mkfifo", fifo]).success).toBe(true);
  for (const path of [fifo, "/dev/zero", `${node.work}/folder`]) {
    const error = await node.items("parse", { path }).catch((thrown) => thrown);
    expect([path, error.code]).toEqual([path, "conflict"]);
  }
  expect(children()).toEqual([]);
});

test("a caller reads no document that was not granted, by no way", async () => {
  await using node = await fsNode();
  writeFileSync(`${node.work}/secret.txt`, "secret");
  mkdirSync(`${node.work}/open`);
  await Bun.$`ln -s ${node.work}/secret.txt ${node.work}/open/link.txt`.quiet();
  const caller = granted(allowing("fs.read", `${node.work}/open`));
  for (const name of ["secret.txt", "open/link.txt"]) {
    const path = `${node.work}/${name}`;
    await expect(node.items("parse", { path }, caller)).rejects.toMatchObject({ code: "forbidden" });
  }
});

test("progress is told, and who goes away takes the child along", async () => {
  await using node = await fsNode();
  const path = `${node.work}/large.csv`;
  writeFileSync(path, "number,word\n1,one\n".repeat(2_000_000));
  const gone = new AbortController();
  const done: number[] = [];
  const answer = await node.kernel.view.call({
    ...{ surface: "http", operation: "fs.parse", input: { path }, signal: gone.signal },
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [{ holder: "owner", owner: true, grants: [] }],
    onProgress: (told) => void done.push(told.done),
  });
  if (answer.gives !== "items") throw new Error(answer.gives);
  let items = 0;
  const reading = (async () => {
    for await (const _ of answer.items) if (++items >= 40 && done.length > 0) gone.abort(new Error("gone"));
  })();
  await expect(reading).rejects.toThrow();
  expect(items).toBeGreaterThanOrEqual(40);
  expect(done.length).toBeGreaterThan(0);
  // Within milliseconds, and not only when the node stops.
  while (children().length > 0) await new Promise((resolve) => setImmediate(resolve));
});
