/** What is only tried: it tells what the real call would do, and does none of it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { allowing, type FsNode, fsNode, granted } from "./fs-node.ts";

let node: FsNode;
let at: (name: string) => string;
beforeAll(async () => {
  node = await fsNode();
  at = (name) => join(node.work, name);
});
afterAll(() => node[Symbol.asyncDispose]());

interface Told {
  readonly path: string;
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  readonly diff: string;
  readonly written: boolean;
}
const tried = (operation: string, input: object, call = {}) =>
  node.value<Told>(operation, { ...input, dryRun: true }, call);

/** Each path with its bytes and its time. */
function stateOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .toSorted()
    .map((name) => {
      const facts = lstatSync(join(folder, name));
      const text = facts.isFile() ? readFileSync(join(folder, name), "utf8") : "";
      return `${name} ${facts.mode} ${facts.mtimeMs} ${facts.ino} ${text}`;
    });
}

function filled(name: string, entries: Readonly<Record<string, string | undefined>>): string {
  const root = at(name);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  for (const [below, text] of Object.entries(entries)) {
    if (text === undefined) mkdirSync(join(root, below));
    else writeFileSync(join(root, below), text);
  }
  return root;
}

test("a removal that is tried lists what would go, and nothing goes", async () => {
  const root = filled("gone", { "a.txt": "one", deep: undefined, "deep/b.txt": "four" });
  const before = stateOf(node.folder);
  expect(await tried("remove", { path: root, recursive: true })).toEqual({
    ...{ path: root, files: 2, directories: 2, others: 0, bytes: 7, written: false },
    diff: `- ${root}/\n- ${root}/a.txt\n- ${root}/deep/\n- ${root}/deep/b.txt\n`,
  } as object as Told);
  await expect(tried("remove", { path: root })).rejects.toMatchObject({ code: "conflict" });
  await expect(tried("remove", { path: `${root}/none` })).rejects.toMatchObject({ code: "not_found" });
  expect(stateOf(node.folder)).toEqual(before);
});

test("names beyond a hundred are counted, and a name with the end of a line is one line", async () => {
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, at) => [`f${at}`, ""]));
  const root = filled("many", { ...many, "0\n- forged": "" });
  const { diff, files } = await tried("remove", { path: root, recursive: true });
  expect(files).toBe(121);
  expect(diff.split("\n").length).toBe(102);
  expect(diff).toEndWith("- ... and 22 more\n");
  expect(diff).not.toContain("\n- forged");
});

test("a move that is tried shows the text that it would replace", async () => {
  const root = filled("moves", { from: "new\n", to: "old\n", deep: undefined });
  const input = { from: `${root}/from`, to: `${root}/to` };
  const before = stateOf(node.folder);
  await expect(tried("move", input)).rejects.toMatchObject({ code: "conflict" });
  const { diff } = await tried("move", { ...input, replace: true });
  expect(diff).toStartWith(`- ${root}/to\n- ${root}/from\n+ ${root}/to\n`);
  expect(diff).toContain("-old\n+new\n");
  await expect(tried("move", { from: root, to: `${root}/deep/in` })).rejects.toMatchObject({
    code: "conflict",
  });
  expect(stateOf(node.folder)).toEqual(before);
});

test("a copy that is tried counts what would come, and names what would be left", async () => {
  const root = filled("copies", { from: undefined, "from/a": "new\n", to: undefined, "to/a": "old\n" });
  symlinkSync("a", join(root, "from/link"));
  const before = stateOf(node.folder);
  const told = await tried("copy", { from: `${root}/from`, to: `${root}/to`, replace: true });
  expect(told).toMatchObject({ files: 1, directories: 0, bytes: 4, written: false });
  expect(told).toMatchObject({ left: [{ path: `${root}/from/link`, why: "links are not copied" }] });
  expect(told.diff).toContain("-old\n+new\n");
  const fresh = await tried("copy", { from: `${root}/from`, to: `${root}/other` });
  expect(fresh.diff).toBe(`+ ${root}/other/\n+ ${root}/other/a\n`);
  expect(stateOf(node.folder)).toEqual(before);
});

test("a move to another file system is refused for what could not be copied there", async () => {
  const root = filled("far", { a: "" });
  symlinkSync("a", join(root, "link"));
  await node.value("mount", { name: "far", kind: "memory" });
  const before = stateOf(root);
  const refused = tried("move", { from: root, to: "/@far/all" });
  await expect(refused).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("link") });
  expect(stateOf(root)).toEqual(before);
});

test("a directory does not take the place of a file, nor a file that of a directory", async () => {
  const root = filled("kinds", { file: "", folder: undefined });
  const [file, folder] = [`${root}/file`, `${root}/folder`];
  for (const [from, to] of [[file, folder] as const, [folder, file] as const])
    await expect(tried("move", { from, to, replace: true })).rejects.toMatchObject({ code: "conflict" });
  symlinkSync("none", join(root, "dangling"));
  for (const [operation, input] of [
    ["copy", { from: file, to: `${root}/dangling`, replace: true }],
    ["mkdir", { path: `${root}/dangling` }],
    ["copy", { from: folder, to: `${root}/dangling`, replace: true }],
  ] as const)
    expect([operation, await tried(operation, input).catch(({ code }: { code: string }) => code)]).toEqual([
      operation,
      "conflict" as never,
    ]);
});

test("a file that would be replaced and may not be read is named, and not shown", async () => {
  const root = filled("hidden", { from: undefined, "from/a": "new\n", to: undefined, "to/a": "secret\n" });
  const deny = { permission: "fs.read", scope: { paths: [`${root}/to/a`] }, decision: "deny" } as const;
  const call = granted(allowing("fs.read", root), allowing("fs.write", root), deny);
  const { diff } = await tried("copy", { from: `${root}/from`, to: `${root}/to`, replace: true }, call);
  expect(diff).toContain("not yours to read");
  expect(diff).not.toContain("secret");
});

test("directories that would be made are told, with those above that are missing", async () => {
  const root = filled("dirs", { file: "" });
  const before = stateOf(node.folder);
  const { diff } = await tried("mkdir", { path: `${root}/a/b`, parents: true });
  expect(diff).toBe(`+ ${root}/a/\n+ ${root}/a/b/\n`);
  expect((await tried("mkdir", { path: root, parents: true })).diff).toBe("");
  await expect(tried("mkdir", { path: `${root}/a/b` })).rejects.toMatchObject({ code: "not_found" });
  await expect(tried("mkdir", { path: root })).rejects.toMatchObject({ code: "conflict" });
  await expect(tried("mkdir", { path: `${root}/file/b`, parents: true })).rejects.toMatchObject({
    code: "conflict",
  });
  expect(stateOf(node.folder)).toEqual(before);
});

test("what is in the trash stays there when bringing it back, or forgetting it, is tried", async () => {
  const root = filled("trash", { deep: undefined, "deep/a": "text" });
  const { trash: id } = await node.value<{ trash: string }>("remove", {
    path: `${root}/deep`,
    recursive: true,
  });
  const before = stateOf(node.folder);
  expect(await tried("restore", { id })).toMatchObject({
    ...{ files: 1, directories: 1, bytes: 4, written: false },
    diff: `+ ${root}/deep/\n+ ${root}/deep/a\n`,
  });
  await expect(tried("restore", { id, to: root })).rejects.toMatchObject({ code: "conflict" });
  expect(await node.value("trash-empty", { ids: [id], dryRun: true })).toEqual({
    ...{ forgotten: 1, diff: `- ${root}/deep/\n`, written: false },
  });
  expect(stateOf(node.folder)).toEqual(before);
  await node.value("restore", { id });
});

const names = ["a", "b", "d", "d/a", "d/e", "d/e/b"] as const;
const name = fc.constantFrom(...names);
const change = fc.oneof(
  fc.record({ operation: fc.constant("mkdir"), path: name, parents: fc.boolean() }),
  fc.record({ operation: fc.constant("remove"), path: name, recursive: fc.boolean() }),
  fc.record({ operation: fc.constantFrom("move", "copy"), from: name, to: name, replace: fc.boolean() }),
);

test("whatever is tried on whatever tree changes nothing, and is refused when the real call is", async () => {
  const tree = fc.dictionary(name, fc.constantFrom(undefined, "x", "long\n"), { maxKeys: 6 });
  await fc.assert(
    fc.asyncProperty(tree, change, async (entries, { operation, ...given }) => {
      const root = filled("law", {});
      for (const below of names) {
        const isThere = Object.hasOwn(entries, below);
        const above = dirname(join(root, below));
        if (!isThere || !existsSync(above) || !lstatSync(above).isDirectory()) continue;
        const text = entries[below];
        if (text === undefined) mkdirSync(join(root, below));
        else writeFileSync(join(root, below), text);
      }
      const input = Object.fromEntries(
        Object.entries(given).map(([key, value]) => [
          key,
          typeof value === "string" ? join(root, value) : value,
        ]),
      );
      const before = stateOf(root);
      const isRefused = async (more: object) =>
        node.value(operation, { ...input, ...more }).then(
          () => "done",
          () => "refused",
        );
      const told = await isRefused({ dryRun: true });
      expect(stateOf(root)).toEqual(before);
      expect([operation, input, told]).toEqual([operation, input, await isRefused({})]);
    }),
    { numRuns: 200 },
  );
});

test("who may change and not read is told nothing of what is there", async () => {
  const root = filled("shut", { "secret-name": "secret", other: "mine" });
  const writer = granted(allowing("fs.write", root), allowing("fs.read", `${root}/other`));
  const { trash: id } = await node.value<{ trash: string }>("remove", { path: `${root}/secret-name` });
  writeFileSync(`${root}/secret-name`, "secret");
  const before = stateOf(node.folder);
  const calls = [
    ["remove", { path: root, recursive: true }],
    ["remove", { path: `${root}/secret-name` }],
    ["move", { from: `${root}/other`, to: `${root}/secret-name`, replace: true }],
    ["copy", { from: `${root}/other`, to: `${root}/secret-name`, replace: true }],
    ["restore", { id }],
  ] as const;
  for (const [operation, input] of calls) {
    const refused = tried(operation, input, writer);
    await expect(refused).rejects.toMatchObject({ code: "forbidden" });
  }
  expect(stateOf(node.folder)).toEqual(before);
});

test("a part that a deny keeps from the caller is neither listed nor named", async () => {
  const root = filled("part", { deep: undefined, "deep/secret-name": "secret", open: "" });
  const deny = {
    permission: "fs.read",
    scope: { paths: [`${root}/deep/secret-name`] },
    decision: "deny",
  } as const;
  const call = granted(allowing("fs.read", node.work), allowing("fs.write", node.work), deny);
  for (const [operation, input] of [
    ["remove", { path: root, recursive: true }],
    ["move", { from: root, to: at("part-moved") }],
  ] as const) {
    const error = await tried(operation, input, call).catch((error: Error) => error);
    expect(error).toMatchObject({ code: "forbidden" });
    expect(JSON.stringify(error) + String(error)).not.toContain("secret-name");
  }
  const { diff } = await tried("copy", { from: root, to: at("part-copied") }, call);
  expect(diff).toContain("part-copied/open");
  expect(diff).not.toContain("secret");
});

test("below a directory that is to come, what may not be written there is left and named", async () => {
  const root = filled("below", { from: undefined, "from/a": "a", "from/b": "b" });
  const deny = { permission: "fs.write", scope: { paths: [`${root}/to/b`] }, decision: "deny" } as const;
  const call = granted(allowing("fs.read", root), allowing("fs.write", root), deny);
  const told = await tried("copy", { from: `${root}/from`, to: `${root}/to` }, call);
  expect(told).toMatchObject({ files: 1, left: [{ path: `${root}/from/b` }] });
  expect(told.diff).toBe(`+ ${root}/to/\n+ ${root}/to/a\n`);
});

test("who may not write is refused when it is only tried, also where a link leads out", async () => {
  const root = filled("rights", { mine: "mine", inside: undefined });
  const outside = filled("rights-outside", { file: "outside\n" });
  symlinkSync(outside, join(root, "out"));
  symlinkSync(join(outside, "file"), join(root, "out-file"));
  const before = stateOf(node.folder);
  const reader = granted(allowing("fs.read", node.work));
  const call = granted(allowing("fs.read", node.work), allowing("fs.write", root));
  const mine = { from: `${root}/mine` };
  for (const [operation, input, more] of [
    ["mkdir", { path: `${root}/new` }, reader],
    ["remove", { path: `${root}/mine` }, reader],
    ["move", { ...mine, to: `${root}/new` }, reader],
    ["copy", { ...mine, to: `${root}/new` }, reader],
    ["mkdir", { path: `${root}/out/new` }, call],
    ["mkdir", { path: `${root}/out/new/deep`, parents: true }, call],
    ["remove", { path: `${root}/out/file` }, call],
    ["move", { ...mine, to: `${root}/out/new` }, call],
    ["copy", { ...mine, to: `${root}/out/new` }, call],
    ["copy", { ...mine, to: `${root}/out-file`, replace: true }, call],
  ] as const) {
    const result = await tried(operation, input, more).catch(({ code }: { code: string }) => code);
    expect([operation, input, result]).toEqual([operation, input, "forbidden" as never]);
  }
  expect(stateOf(node.folder)).toEqual(before);
});

test("a mount that is to be read alone refuses what is tried as what is done", async () => {
  const root = filled("mounted", { a: "text" });
  await node.value("mount", { name: "still", kind: "local", path: root, readOnly: true });
  await node.value("mount", { name: "scratch", kind: "memory" });
  for (const [operation, input] of [
    ["mkdir", { path: "/@still/new" }],
    ["remove", { path: "/@still/a" }],
    ["copy", { from: at("mounted/a"), to: "/@still/b" }],
    ["move", { from: "/@still/a", to: "/@still/b" }],
  ] as const)
    await expect(tried(operation, input)).rejects.toMatchObject({ code: "unsupported" });
  const { diff } = await tried("copy", { from: "/@still", to: "/@scratch/kept" });
  expect(diff).toBe("+ /@scratch/kept/\n+ /@scratch/kept/a\n");
  const moved = await tried("move", { from: root, to: "/@scratch/kept" });
  expect(moved.diff).toContain(`- ${root}/a\n`);
  expect(moved.diff).toContain("+ /@scratch/kept/a\n");
  expect(await node.value("list", { path: "/@scratch" })).toMatchObject({ entries: [] });
});
