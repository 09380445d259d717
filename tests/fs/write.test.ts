/** What changes files, on a real disk. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { type FsNode, fsNode } from "./fs-node.ts";

let node: FsNode;
let at: (name: string) => string;
beforeAll(async () => {
  node = await fsNode();
  at = (name) => join(node.work, name);
});
afterAll(() => node[Symbol.asyncDispose]());

async function* pieces(...parts: readonly string[]) {
  for (const part of parts) yield Buffer.from(part);
}
const text = (name: string) => readFileSync(at(name), "utf8");
const write = (name: string, more: object = {}, bytes: AsyncIterable<Uint8Array> = pieces("new")) =>
  node.value<{ etag: string; sizeBytes: number }>("write", { path: at(name), ...more }, { bytes });

test("a file is written from bytes or from text, and made or replaced as it is asked", async () => {
  expect(await write("a", {}, pieces("one ", "two"))).toMatchObject({ sizeBytes: 7, path: at("a") });
  expect(text("a")).toBe("one two");
  await write("a", { text: "three" });
  expect(text("a")).toBe("three");
  await expect(write("a", { mode: "create" })).rejects.toMatchObject({ code: "conflict" });
  await expect(write("none", { mode: "replace" })).rejects.toMatchObject({ code: "not_found" });
  await write("b", { mode: "create" });
  await expect(write("no/such/folder")).rejects.toMatchObject({ code: "not_found" });
  await write("made/for/it", { parents: true });
  expect(text("made/for/it")).toBe("new");
  await expect(write("made")).rejects.toMatchObject({ code: "conflict" });
});

test("what somebody else has written meanwhile is not written over", async () => {
  const { etag } = await write("shared", { text: "first" });
  await write("shared", { text: "second", ifMatch: etag });
  await expect(write("shared", { text: "third", ifMatch: etag })).rejects.toMatchObject({
    code: "precondition_failed",
  });
  expect(text("shared")).toBe("second");
  const { etag: now } = await node.value<{ etag: string }>("stat", { path: at("shared") });
  writeFileSync(at("shared"), "outside");
  await expect(write("shared", { ifMatch: now })).rejects.toMatchObject({ code: "precondition_failed" });
  await expect(write("gone", { ifMatch: now })).rejects.toMatchObject({ code: "precondition_failed" });
  // Of many at once with the same etag one gets through.
  const { etag: last } = await node.value<{ etag: string }>("stat", { path: at("shared") });
  const tries = Array.from({ length: 20 }, (_, n) =>
    write("shared", { text: `${n}`, ifMatch: last }).then(
      () => 1,
      () => 0,
    ),
  );
  expect((await Promise.all(tries)).reduce((a: number, b) => a + b, 0)).toBe(1);
});

test("a write that breaks off leaves what was there, and nothing beside it", async () => {
  await write("kept", { text: "old" });
  const broken = async function* () {
    yield Buffer.from("half");
    throw new Error("the caller went away");
  };
  const before = readdirSync(node.work).toSorted();
  await expect(write("kept", {}, broken())).rejects.toThrow();
  await expect(write("fresh", {}, broken())).rejects.toThrow();
  expect(text("kept")).toBe("old");
  expect(readdirSync(node.work).toSorted()).toEqual(before);
});

test("a replaced file keeps its mode, a link stays a link, and another name of it keeps the old bytes", async () => {
  await write("program", { text: "#!/bin/sh" });
  chmodSync(at("program"), 0o750);
  linkSync(at("program"), at("second"));
  symlinkSync("program", at("link"));
  await write("link", { text: "through" });
  expect(statSync(at("program")).mode & 0o777).toBe(0o750);
  expect(lstatSync(at("link")).isSymbolicLink()).toBe(true);
  expect([text("program"), text("second")]).toEqual(["through", "#!/bin/sh"]);
  symlinkSync("nowhere", at("dangling"));
  await expect(write("dangling")).rejects.toMatchObject({ code: "conflict" });
});

test("what is appended comes at the end, and what breaks off is taken back", async () => {
  const append = (bytes: AsyncIterable<Uint8Array>, name = "log") =>
    node.value("append", { path: at(name) }, { bytes });
  await append(pieces("one\n"));
  await append(pieces("two", "\n"));
  expect(text("log")).toBe("one\ntwo\n");
  const broken = async function* () {
    yield Buffer.from("half");
    throw new Error("the caller went away");
  };
  await expect(append(broken())).rejects.toThrow();
  expect(text("log")).toBe("one\ntwo\n");
  linkSync(at("log"), at("log-elsewhere"));
  await append(pieces("three\n"));
  expect([text("log"), text("log-elsewhere")]).toEqual(["one\ntwo\nthree\n", "one\ntwo\n"]);
  const all = Array.from({ length: 30 }, (_, n) => append(pieces(`${n}\n`), "many"));
  await Promise.all(all);
  expect(
    text("many")
      .trim()
      .split("\n")
      .map(Number)
      .toSorted((a, b) => a - b),
  ).toEqual(Array.from({ length: 30 }, (_, n) => n));
});

interface Edited {
  readonly diff: string;
  readonly written: boolean;
  readonly replaced: number;
}
const edit = (name: string, edits: readonly object[], more: object = {}) =>
  node.value<Edited>("edit", { path: at(name), edits, ...more });

test("edits replace what is there once, tell the difference, and all of them or none are made", async () => {
  writeFileSync(at("code"), "a = 1\nb = 2\nb = 2\n");
  const done = await edit("code", [{ old: "a = 1", new: "a = 3" }]);
  expect(done).toMatchObject({ written: true, replaced: 1 });
  expect(done.diff).toContain("-a = 1\n+a = 3\n");
  await expect(edit("code", [{ old: "b = 2", new: "x" }])).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("lines 2, 3"),
  });
  await expect(
    edit("code", [
      { old: "a = 3", new: "y" },
      { old: "nowhere", new: "" },
    ]),
  ).rejects.toMatchObject({ code: "conflict" });
  expect(text("code")).toBe("a = 3\nb = 2\nb = 2\n");
  expect(await edit("code", [{ old: "b = 2", new: "c", all: true }], { dryRun: true })).toMatchObject({
    written: false,
    replaced: 2,
  });
  expect(text("code")).toBe("a = 3\nb = 2\nb = 2\n");
  await edit("code", [
    { old: "a = 3\n", new: "$& \\1\n" },
    { old: "$& \\1", new: "z" },
  ]);
  expect(text("code")).toBe("z\nb = 2\nb = 2\n");
});

test("an edit keeps the ends of lines and the mark of a file, and leaves what is no UTF-8 alone", async () => {
  writeFileSync(at("dos"), "\ufeffone\r\ntwo\r\n");
  await edit("dos", [{ old: "one\ntwo", new: "1\n2\n3" }]);
  expect(text("dos")).toBe("\ufeff1\r\n2\r\n3\r\n");
  writeFileSync(at("old"), Buffer.from("gr\xfcn", "latin1"));
  await expect(edit("old", [{ old: "gr", new: "x" }])).rejects.toMatchObject({ code: "unsupported_media" });
});

test("any replacements are those that replacing the string would make", async () => {
  const part = fc
    .array(fc.constantFrom("a", "b", "\n", "é", "$&"), { minLength: 1, maxLength: 3 })
    .map((all) => all.join(""));
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 8 }),
      part,
      part,
      async (whole, old, fresh) => {
        const before = whole.join("");
        writeFileSync(at("any"), before);
        const count = before.split(old).length - 1;
        const done = await edit("any", [{ old, new: fresh }]).catch(() => undefined);
        expect(done !== undefined).toBe(count === 1);
        expect(text("any")).toBe(count === 1 ? before.split(old).join(fresh) : before);
      },
    ),
    { numRuns: 60 },
  );
});

test("directories are made, one or with all above them", async () => {
  await node.value("mkdir", { path: at("dir") });
  await expect(node.value("mkdir", { path: at("dir") })).rejects.toMatchObject({ code: "conflict" });
  await expect(node.value("mkdir", { path: at("x/y/z") })).rejects.toMatchObject({ code: "not_found" });
  await node.value("mkdir", { path: at("x/y/z"), parents: true });
  await node.value("mkdir", { path: at("x/y/z"), parents: true });
  expect(statSync(at("x/y/z")).isDirectory()).toBe(true);
});

const move = (from: string, to: string, more: object = {}) =>
  node.value("move", { from: at(from), to: at(to), ...more });

test("a file or a directory is moved, and what is there is replaced on purpose alone", async () => {
  await write("m1", { text: "one" });
  await write("m2", { text: "two" });
  await expect(move("m1", "m2")).rejects.toMatchObject({ code: "conflict" });
  expect([text("m1"), text("m2")]).toEqual(["one", "two"]);
  expect(await move("m1", "m3")).toMatchObject({ path: at("m3") });
  await move("m3", "m2", { replace: true });
  expect([existsSync(at("m3")), text("m2")]).toEqual([false, "one"]);
  mkdirSync(at("md/in"), { recursive: true });
  await move("md", "mx");
  expect(existsSync(at("mx/in"))).toBe(true);
  await expect(move("mx", "mx/in/self")).rejects.toMatchObject({ code: "invalid_input" });
  await expect(move("none", "m4")).rejects.toMatchObject({ code: "not_found" });
});

test("a move to another file system copies, and then removes", async () => {
  if (!(process.platform === "linux" && existsSync("/dev/shm"))) return;
  const there = `/dev/shm/operone-fs-${crypto.randomUUID()}`;
  mkdirSync(at("far/deep"), { recursive: true });
  writeFileSync(at("far/deep/file"), "far");
  await node.value("move", { from: at("far"), to: there });
  expect([existsSync(at("far")), readFileSync(`${there}/deep/file`, "utf8")]).toEqual([false, "far"]);
  await node.value("remove", { path: there, recursive: true, permanent: true });
  expect(existsSync(there)).toBe(false);
});

test("a directory is copied with times and modes, and what is no file is named", async () => {
  mkdirSync(at("from/sub"), { recursive: true });
  writeFileSync(at("from/sub/run"), "x");
  chmodSync(at("from/sub/run"), 0o700);
  symlinkSync("sub", at("from/link"));
  const { mtimeMs } = statSync(at("from/sub/run"));
  const copy = (more: object = {}) => node.value("copy", { from: at("from"), to: at("to"), ...more });
  expect(await copy()).toMatchObject({
    files: 1,
    directories: 2,
    bytes: 1,
    left: [{ path: at("from/link") }],
  });
  const made = statSync(at("to/sub/run"));
  expect([made.mode & 0o777, Math.floor(made.mtimeMs)]).toEqual([0o700, Math.floor(mtimeMs)]);
  await expect(copy()).rejects.toMatchObject({ code: "conflict" });
  expect(await copy({ replace: true })).toMatchObject({ files: 1, directories: 0 });
  await expect(node.value("copy", { from: at("from"), to: at("from/sub/self") })).rejects.toMatchObject({
    code: "conflict",
  });
});

test("what is removed from another file system comes back as it was, with its owner", async () => {
  if (!existsSync("/dev/shm")) return;
  const there = `/dev/shm/operone-fs-${crypto.randomUUID()}`;
  mkdirSync(`${there}/in`, { recursive: true });
  writeFileSync(`${there}/in/run`, "x", { mode: 0o750 });
  symlinkSync("run", `${there}/in/link`);
  utimesSync(`${there}/in/run`, 1_000, 1_000);
  if (process.getuid?.() === 0) lchownSync(`${there}/in/run`, 12_345, 12_345);
  const picture = () => {
    const { mode, uid, mtimeMs } = lstatSync(`${there}/in/run`);
    return [mode, uid, mtimeMs, readlinkSync(`${there}/in/link`), readFileSync(`${there}/in/run`, "utf8")];
  };
  const before = picture();
  const { trash } = await node.value<{ trash: string }>("remove", { path: there, recursive: true });
  expect(existsSync(there)).toBe(false);
  await node.value("restore", { id: trash });
  expect(picture()).toEqual(before);
  await node.value("remove", { path: there, recursive: true, permanent: true });
});

test("what is removed comes back from the trash, or is gone when that is said", async () => {
  mkdirSync(at("trash/me"), { recursive: true });
  writeFileSync(at("trash/me/file"), "kept");
  await expect(node.value("remove", { path: at("trash") })).rejects.toMatchObject({ code: "conflict" });
  const { trash } = await node.value<{ trash: string }>("remove", { path: at("trash"), recursive: true });
  expect(existsSync(at("trash"))).toBe(false);
  const { items } = await node.value<{ items: object[] }>("trash-list", {});
  expect(items).toMatchObject([{ id: trash, path: at("trash"), kind: "directory" }]);
  writeFileSync(at("trash"), "something else");
  await expect(node.value("restore", { id: trash })).rejects.toMatchObject({ code: "conflict" });
  await node.value("restore", { id: trash, to: at("back") });
  expect(text("back/me/file")).toBe("kept");
  expect(await node.value("trash-list", {})).toEqual({ items: [] });
  expect(await node.value("remove", { path: at("back"), recursive: true, permanent: true })).toEqual({
    path: at("back"),
  });
  await node.value("remove", { path: at("trash") });
  expect(await node.value("trash-empty", {})).toEqual({ forgotten: 1 });
  await expect(node.value("restore", { id: trash })).rejects.toMatchObject({ code: "not_found" });
  await expect(node.value("restore", { id: "../../etc" })).rejects.toMatchObject({ code: "not_found" });
});

test("a link is removed itself, and what it leads to stays", async () => {
  writeFileSync(at("target"), "x");
  symlinkSync("target", at("to-target"));
  await node.value("remove", { path: at("to-target"), permanent: true });
  expect([existsSync(at("target")), existsSync(at("to-target"))]).toEqual([true, false]);
});

test("names that are no UTF-8 are listed, read, moved and removed as what they are", async () => {
  if (!(process.platform === "linux")) return;
  const folder = at("bytes");
  mkdirSync(folder);
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/a`), Buffer.from([0xff, 0xfe])]), "odd");
  const { entries } = await node.value<{ entries: { path: string }[] }>("list", { path: folder });
  const path = entries[0]?.path ?? "";
  expect(path.isWellFormed()).toBe(true);
  expect(await node.value("read", { path })).toMatchObject({ text: "odd" });
  await node.value("write", { path, text: "even" });
  await node.value("move", { from: path, to: `${path}\uf7fd` });
  expect(readdirSync(folder, { encoding: "buffer" })).toEqual([Buffer.from([0x61, 0xff, 0xfe, 0xfd])]);
  await node.value("remove", { path: `${path}\uf7fd` });
  expect(readdirSync(folder)).toEqual([]);
});

test("a copy names the directory that lies too deep for it, and does not keep silent about what is in it", async () => {
  mkdirSync(at("deep"));
  const deep = Array.from({ length: 257 }, () => "d").join("/");
  mkdirSync(at(`deep/${deep}`), { recursive: true });
  writeFileSync(at(`deep/${deep}/leaf`), "x");
  const copied = await node.value("copy", { from: at("deep"), to: at("deep-copy") });
  expect(copied).toMatchObject({
    files: 0,
    left: [{ path: at(`deep/${deep.slice(2)}`), why: expect.stringContaining("256 directories deep") }],
  });
});

test("what comes into a directory, or changes in it, while it moves to another file system is not removed", async () => {
  if (!existsSync("/dev/shm")) return;
  const there = `/dev/shm/operone-fs-${crypto.randomUUID()}`;
  mkdirSync(at("moving"));
  writeFileSync(at("moving/before"), "stays the same");
  writeFileSync(at("moving/first"), "old");
  writeFileSync(at("moving/last"), Buffer.alloc(17 * 1024 * 1024));
  // Told when bytes of the last file arrive: the first one is copied by then.
  const onProgress = () => {
    if (existsSync(at("moving/late")) || !existsSync(`${there}/first`)) return;
    writeFileSync(at("moving/late"), "late");
    writeFileSync(at("moving/first"), "newer");
  };
  try {
    const move = node.value("move", { from: at("moving"), to: there }, { onProgress });
    await expect(move).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("changed while it was copied"),
    });
    expect([text("moving/late"), text("moving/first")]).toEqual(["late", "newer"]);
    expect(existsSync(at("moving/last"))).toBe(false);
  } finally {
    rmSync(there, { recursive: true, force: true });
  }
});

test("a write and an append tell what they would change, and change nothing", async () => {
  const path = at("previewed");
  const shown = (operation: string, input: object) =>
    node.value<{ diff: string; written: boolean }>(operation, { path, dryRun: true, ...input });
  expect(await shown("write", { text: "one\n" })).toMatchObject({
    diff: expect.stringContaining("+one\n"),
    written: false,
  });
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, "one\ntwo\n");
  expect((await shown("write", { text: "one\ndrei\n" })).diff).toContain("-two\n+drei\n");
  expect((await shown("append", { text: "three\n" })).diff).toContain("+three\n");
  expect((await shown("write", { text: "one\ntwo\n" })).diff).toBe("");
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  writeFileSync(path, Buffer.from([0xff, 0xfe, 0xfd]));
  expect((await shown("write", { text: "x" })).diff).toContain("3 bytes");
});

test("a write that would be refused is refused when it only tells, too", async () => {
  const path = at("previewed-too");
  const refused = async (operation: string, input: object) =>
    node.value(operation, { path, dryRun: true, text: "x", ...input }).then(
      () => "done",
      ({ code }: { readonly code: string }) => code,
    );
  expect(await refused("write", { mode: "replace" })).toBe("not_found");
  writeFileSync(path, "one\n");
  expect(await refused("write", { mode: "create" })).toBe("conflict");
  expect(await refused("write", { ifMatch: "other" })).toBe("precondition_failed");
  writeFileSync(path, "x".repeat(5_000_000));
  expect(await refused("append", {})).toBe("too_large");
});
