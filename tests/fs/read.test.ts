/** Text and bytes of real files. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { type FsNode, fsNode } from "./fs-node.ts";

let node: FsNode;
beforeAll(async () => {
  node = await fsNode();
});
afterAll(() => node[Symbol.asyncDispose]());

interface Text {
  readonly text: string;
  readonly encoding: string;
  readonly lines: number;
  readonly more: boolean;
  readonly cut: boolean;
}
function put(bytes: string | Uint8Array): string {
  const path = join(node.work, "text");
  writeFileSync(path, bytes);
  return path;
}
const read = (path: string, more: object = {}) => node.value<Text>("read", { path, ...more });

test("the encoding is told from the bytes, and named where it is known better", async () => {
  const utf16 = Buffer.from("\ufeffgrün\n", "utf16le");
  for (const [bytes, encoding, text] of [
    ["grün\n", "utf-8", "grün\n"],
    ["\ufeffgrün\n", "utf-8", "grün\n"],
    [utf16, "utf-16le", "grün\n"],
    [Buffer.from(utf16).swap16(), "utf-16be", "grün\n"],
    [Buffer.from("plain text in sixteen bits", "utf16le"), "utf-16le", "plain text in sixteen bits"],
    [Buffer.from("gr\xfcn \x80\n", "latin1"), "windows-1252", "grün €\n"],
  ] as const)
    expect(await read(put(bytes))).toMatchObject({ encoding, text });
  expect(await read(put("gr\u00fcn"), { encoding: "windows-1252" })).toMatchObject({ text: "grÃ¼n" });
});

test("what is no text is refused with the way to its bytes, and given as bytes", async () => {
  const bytes = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 3, 0xff]);
  await expect(read(put(bytes))).rejects.toMatchObject({
    code: "unsupported_media",
    message: expect.stringContaining("fs.content"),
  });
  expect(await node.bytes("content", { path: put(bytes) })).toEqual(bytes);
});

test("lines are counted from one, and the answer says whether the file goes on", async () => {
  const path = put("one\ntwo\r\nthree");
  expect(await read(path)).toMatchObject({
    text: "one\ntwo\r\nthree",
    lines: 3,
    more: false,
    lineEnd: "mixed",
  });
  expect(await read(path, { lines: 1 })).toMatchObject({ text: "one\n", lines: 1, more: true });
  expect(await read(path, { fromLine: 3 })).toMatchObject({ text: "three", lines: 1, more: false });
  expect(await read(path, { fromLine: 4 })).toMatchObject({ text: "", lines: 0, more: false });
  expect(await read(path, { tail: 2 })).toMatchObject({ text: "two\r\nthree", lines: 2 });
  expect(await read(path, { tail: 9 })).toMatchObject({ text: "one\ntwo\r\nthree", lines: 3 });
  expect(await read(put(""))).toMatchObject({ text: "", lines: 0, more: false, lineEnd: "none" });
});

test("a line that is longer than an answer is cut at a character, and never held as a whole", async () => {
  const path = put("ü".repeat(2_000_000));
  const { text, cut, more } = await read(path);
  expect([cut, more]).toEqual([true, true]);
  expect(text).toMatch(/^ü+$/);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(512 * 1024);
  expect((await read(path, { tail: 1 })).text).toMatch(/^ü+$/);
});

test("any lines of any text are those that splitting it gives", async () => {
  const sign = fc.constantFrom("a", "b", "é", "€", "😀", "\t", " ", "\r");
  const line = fc.array(sign, { maxLength: 12 }).map((signs) => signs.join(""));
  const text = fc
    .tuple(fc.array(line, { maxLength: 12 }), fc.boolean())
    .map(([all, open]) => all.join("\n") + (open ? "" : "\n"));
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.integer({ min: 1, max: 14 }),
      fc.integer({ min: 1, max: 14 }),
      async (whole, from, count) => {
        const lines = whole.match(/[^\n]*\n|[^\n]+$/g) ?? [];
        const path = put(whole);
        const given = await read(path, { fromLine: from, lines: count, encoding: "utf-8" });
        expect(given.text).toBe(lines.slice(from - 1, from - 1 + count).join(""));
        expect(given.more).toBe(lines.length > from - 1 + count);
        expect((await read(path, { tail: count, encoding: "utf-8" })).text).toBe(
          lines.slice(-count).join(""),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test("a file under /proc is read to its end although it has no size", async () => {
  if (process.platform !== "linux") return;
  expect((await read("/proc/version")).text).toStartWith("Linux version");
  expect(String(await node.bytes("content", { path: "/proc/version" }))).toStartWith("Linux version");
});
