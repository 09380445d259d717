/** What the operations that look tell of a real directory. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FsNode, fsNode } from "./fs-node.ts";

let node: FsNode;
let at: (name: string) => string;
beforeAll(async () => {
  node = await fsNode();
  at = (name) => join(node.work, name);
  mkdirSync(at("deep/er/est"), { recursive: true });
  for (const [name, size] of [
    ["a10", 10],
    ["a2", 2],
    ["B", 30],
    [".hidden", 1],
    ["deep/er/one.md", 5],
    ["deep/two.md", 7],
  ] as const)
    writeFileSync(at(name), "x".repeat(size));
  symlinkSync("a2", at("link"));
  symlinkSync("nowhere", at("dangling"));
  utimesSync(at("B"), 1_000, 1_000);
});
afterAll(() => node[Symbol.asyncDispose]());

interface Listed {
  readonly entries: readonly { readonly path: string; readonly kind: string }[];
  readonly total: number;
  readonly cursor?: string;
}
const names = ({ entries }: Listed) => entries.map(({ path }) => path.slice(path.lastIndexOf("/") + 1));

test("stat tells of a file, a directory, and of what a link leads to or says", async () => {
  const file = await node.value("stat", { path: at("a10") });
  expect(file).toMatchObject({ path: at("a10"), kind: "file", sizeBytes: 10, etag: expect.any(String) });
  expect(await node.value("stat", { path: node.work })).toMatchObject({ kind: "directory", sizeBytes: 0 });
  expect(await node.value("stat", { path: at("link") })).toMatchObject({ path: at("a2"), kind: "file" });
  expect(await node.value("stat", { path: at("link"), follow: false })).toMatchObject({
    kind: "link",
    target: "a2",
  });
  expect(await node.value("stat", { path: at("dangling"), follow: false })).toMatchObject({
    target: "nowhere",
  });
  for (const name of ["none", "dangling", "a2/below"])
    await expect(node.value("stat", { path: at(name) })).rejects.toMatchObject({ code: "not_found" });
});

test("a list is in the order in which people count, or by size, or by time", async () => {
  const list = (more: object) => node.value<Listed>("list", { path: node.work, hidden: false, ...more });
  expect(names(await list({}))).toEqual(["a2", "a10", "B", "dangling", "deep", "link"]);
  expect(names(await list({ sort: "size" })).slice(0, 3)).toEqual(["B", "a10", "a2"]);
  expect(names(await list({ sort: "modified" })).at(-1)).toBe("B");
  expect(names(await list({ sort: "modified", reverse: true }))[0]).toBe("B");
  expect(names(await list({ hidden: true }))).toContain(".hidden");
});

test("pages together are the list, also when entries come and go in between", async () => {
  const folder = at("pages");
  mkdirSync(folder);
  for (let n = 0; n < 25; n++) writeFileSync(join(folder, `f${n}`), "");
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await node.value<Listed>("list", {
      path: folder,
      limit: 7,
      ...(cursor === undefined ? {} : { cursor }),
    });
    seen.push(...names(page));
    cursor = page.cursor;
    writeFileSync(join(folder, `a-new-${seen.length}`), "");
  } while (cursor !== undefined);
  expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `f${n}`));
  await expect(node.value("list", { path: folder, cursor: "x" })).rejects.toMatchObject({
    code: "invalid_input",
  });
});

test("a tree goes as deep as it is asked, and says when there is more", async () => {
  const tree = (more: object) =>
    node.value<{ entries: { path: string; depth: number }[]; more: boolean }>("tree", {
      path: at("deep"),
      ...more,
    });
  expect((await tree({})).entries.map(({ path, depth }) => `${depth} ${path}`)).toEqual([
    ...["1 er", "2 er/est", "2 er/one.md", "1 two.md"],
  ]);
  expect((await tree({ depth: 1 })).entries.map(({ path }) => path)).toEqual(["er", "two.md"]);
  expect(await tree({ limit: 2 })).toMatchObject({ more: true, entries: { length: 2 } });
});

test("a pattern finds paths, and those with a dot where it says so", async () => {
  const glob = async (pattern: string, more: object = {}) =>
    (await node.items<{ path: string }>("glob", { pattern, path: node.work, ...more })).map(({ path }) =>
      path.slice(node.work.length + 1),
    );
  expect(await glob("**/*.md")).toEqual(["deep/er/one.md", "deep/two.md"]);
  expect(await glob("*/*.md")).toEqual(["deep/two.md"]);
  expect(await glob("a{2,10}")).toEqual(["a2", "a10"]);
  expect(await glob("*hid*")).toEqual([]);
  expect(await glob(".hid*")).toEqual([".hidden"]);
  expect(await glob("*", { limit: 2 })).toHaveLength(2);
  for (const pattern of ["../*", "/etc/*"])
    await expect(glob(pattern)).rejects.toMatchObject({ code: "invalid_input" });
});

test("usage counts all that is below, and names what is largest", async () => {
  const usage = await node.value("usage", { path: at("deep"), largest: 1 });
  expect(usage).toMatchObject({ bytes: 12, files: 2, directories: 2, others: 0 });
  expect(usage.largest).toEqual([{ path: at("deep/two.md"), sizeBytes: 7 }]);
  expect(usage.entries).toMatchObject([
    { path: at("deep/two.md"), bytes: 7 },
    { path: at("deep/er"), bytes: 5 },
  ]);
});

test("a hash is that of the bytes", async () => {
  const sha256 = createHash("sha256").update("x".repeat(10)).digest("hex");
  expect(await node.value("hash", { path: at("a10") })).toMatchObject({ hash: sha256, sizeBytes: 10 });
  await expect(node.value("hash", { path: at("deep") })).rejects.toMatchObject({ code: "conflict" });
});
