/** Mounts on one node: made and removed by the owner, seen by whom a grant names, and never a way out. */
import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mountOperations } from "../../modules/fs/operations-mounts.ts";
import { allowing, type FsNode, fsNode, granted } from "./fs-node.ts";

interface Shown {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
  readonly settings?: Record<string, unknown>;
}

async function withDocs(): Promise<FsNode & { readonly docs: string }> {
  const node = await fsNode();
  const docs = join(node.work, "docs");
  mkdirSync(join(docs, "deep"), { recursive: true });
  writeFileSync(join(docs, "a.md"), "milk\n");
  writeFileSync(join(docs, "deep/b.md"), "tea\n");
  await node.value("mount", { name: "docs", path: docs });
  return { ...node, docs };
}

const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  return error as { readonly code?: string; readonly message: string };
};

test("a folder is read, written, walked, moved and removed below its mount as it is below its path", async () => {
  await using node = await withDocs();
  expect(await node.value("read", { path: "/@docs/a.md" })).toMatchObject({
    path: "/@docs/a.md",
    text: "milk\n",
  });
  expect(await node.value("stat", { path: "/@docs" })).toMatchObject({ path: "/@docs", kind: "directory" });
  const listed = await node.value<{ entries: { path: string }[] }>("list", { path: "/@docs" });
  expect(listed.entries.map(({ path }) => path)).toEqual(["/@docs/a.md", "/@docs/deep"]);
  await node.value("write", { path: "/@docs/new/c.md", text: "one", parents: true });
  await node.value("append", { path: "/@docs/new/c.md", text: " two" });
  await node.value("edit", { path: "/@docs/new/c.md", edits: [{ old: "two", new: "three" }] });
  expect(readFileSync(join(node.docs, "new/c.md"), "utf8")).toBe("one three");
  await node.value("mkdir", { path: "/@docs/d" });
  await node.value("move", { from: "/@docs/new/c.md", to: "/@docs/d/c.md" });
  expect(await node.items("glob", { pattern: "**/*.md", path: "/@docs" })).toEqual([
    { path: "/@docs/a.md", kind: "file" },
    { path: "/@docs/d/c.md", kind: "file" },
    { path: "/@docs/deep/b.md", kind: "file" },
  ]);
  expect(await node.value("usage", { path: "/@docs" })).toMatchObject({ files: 3 });
  expect(await node.value("hash", { path: "/@docs/a.md" })).toMatchObject({ sizeBytes: 5 });
  expect((await node.bytes("content", { path: "/@docs/a.md" })).toString()).toBe("milk\n");
  const { trash } = await node.value<{ trash: string }>("remove", { path: "/@docs/d", recursive: true });
  expect(existsSync(join(node.docs, "d"))).toBe(false);
  expect(await node.value("restore", { id: trash })).toMatchObject({ path: "/@docs/d" });
  expect(readFileSync(join(node.docs, "d/c.md"), "utf8")).toBe("one three");
});

test("the list of the mounts is a directory that is walked into, and takes nothing", async () => {
  await using node = await withDocs();
  await node.value("mount", { name: "scratch", kind: "memory" });
  await node.value("write", { path: "/@scratch/x", text: "x" });
  const listed = await node.value<{ entries: { path: string; kind: string }[] }>("list", { path: "/@" });
  expect(listed.entries.map(({ path, kind }) => [path, kind])).toEqual([
    ["/@docs", "directory"],
    ["/@scratch", "directory"],
  ]);
  const tree = await node.value<{ entries: { path: string }[] }>("tree", { path: "/@", depth: 2 });
  expect(tree.entries.map(({ path }) => path)).toEqual([
    "docs",
    "docs/a.md",
    "docs/deep",
    "scratch",
    "scratch/x",
  ]);
  expect(await node.value("usage", { path: "/@" })).toMatchObject({ files: 3, bytes: 10 });
  expect(await node.value("copy", { from: "/@", to: join(node.work, "all") })).toMatchObject({ files: 3 });
  expect(readFileSync(join(node.work, "all/docs/deep/b.md"), "utf8")).toBe("tea\n");
  expect(await node.value("stat", { path: "/@" })).toMatchObject({ path: "/@", kind: "directory" });
  for (const operation of ["read", "hash", "content"])
    expect((await refusal(node.bytes(operation, { path: "/@" }))).code).toBe("conflict");
  for (const [operation, input] of [
    ["mkdir", { path: "/@" }],
    ["write", { path: "/@", text: "x" }],
    ["append", { path: "/@", text: "x" }],
    ["remove", { path: "/@", recursive: true }],
    ["remove", { path: "/@", recursive: true, permanent: true }],
    ["remove", { path: "/@docs", recursive: true, permanent: true }],
    ["remove", { path: "/@docs", recursive: true }],
    ["move", { from: "/@docs", to: join(node.work, "taken") }],
  ] as const)
    expect([operation, (await refusal(node.value(operation, input))).code]).toEqual([
      operation,
      expect.stringMatching(/unsupported|conflict/),
    ]);
  expect(readFileSync(join(node.docs, "a.md"), "utf8")).toBe("milk\n");
  for (const [operation, input] of [
    ["mkdir", { path: "/@new" }],
    ["write", { path: "/@new/a", text: "x" }],
    ["read", { path: "/@/docs/a.md" }],
  ] as const)
    expect((await refusal(node.value(operation, input))).code).toBe("not_found");
});

test("what is moved and copied between mounts and the machine arrives whole, and nothing is lost on the way", async () => {
  await using node = await withDocs();
  await node.value("mount", { name: "scratch", kind: "memory" });
  expect(await node.value("copy", { from: "/@docs", to: "/@scratch/docs" })).toMatchObject({ files: 2 });
  expect(await node.value("read", { path: "/@scratch/docs/deep/b.md" })).toMatchObject({ text: "tea\n" });
  await node.value("move", { from: "/@scratch/docs", to: join(node.work, "back") });
  expect(readFileSync(join(node.work, "back/deep/b.md"), "utf8")).toBe("tea\n");
  const left = await node.value<{ entries: object[] }>("list", { path: "/@scratch" });
  expect(left.entries).toEqual([]);
  await node.value("move", { from: join(node.work, "back/a.md"), to: "/@scratch/a.md" });
  const { trash } = await node.value<{ trash: string }>("remove", { path: "/@scratch/a.md" });
  await node.value("restore", { id: trash, to: "/@docs/restored.md" });
  expect(readFileSync(join(node.docs, "restored.md"), "utf8")).toBe("milk\n");
});

test("one file under two paths is not copied over itself and then removed", async () => {
  await using node = await withDocs();
  const same = { from: "/@docs/a.md", to: join(node.docs, "a.md"), replace: true };
  expect((await refusal(node.value("move", same))).code).toBe("conflict");
  expect((await refusal(node.value("move", { ...same, from: same.to, to: same.from }))).code).toBe(
    "conflict",
  );
  expect(readFileSync(join(node.docs, "a.md"), "utf8")).toBe("milk\n");
  const inItself = { from: node.docs, to: "/@docs/deep/copy" };
  expect((await refusal(node.value("copy", inItself))).code).toBe("conflict");
});

test("a mount to be read alone takes nothing, by whatever operation", async () => {
  await using node = await withDocs();
  await node.value("mount", { name: "fixed", path: node.docs, readOnly: true });
  await node.value("mount", { name: "empty", kind: "memory", readOnly: true });
  for (const [operation, input] of [
    ["write", { path: "/@fixed/a.md", text: "x" }],
    ["write", { path: "/@empty/a", text: "x" }],
    ["append", { path: "/@fixed/a.md", text: "x" }],
    ["edit", { path: "/@fixed/a.md", edits: [{ old: "milk", new: "x" }] }],
    ["mkdir", { path: "/@fixed/d" }],
    ["move", { from: "/@fixed/a.md", to: "/@fixed/b" }],
    ["move", { from: "/@docs/a.md", to: "/@fixed/b" }],
    ["remove", { path: "/@fixed/a.md" }],
    ["remove", { path: "/@fixed/a.md", permanent: true }],
    ["copy", { from: "/@docs/a.md", to: "/@fixed/b" }],
  ] as const)
    expect([operation, (await refusal(node.value(operation, input))).code]).toEqual([
      operation,
      "unsupported",
    ]);
  expect((await refusal(node.value("move", { from: "/@fixed/a.md", to: "/@docs/moved" }))).code).toBe(
    "unsupported",
  );
  expect(readFileSync(join(node.docs, "a.md"), "utf8")).toBe("milk\n");
});

test("no path and no link leads out of a mounted folder, not even for the owner", async () => {
  await using node = await withDocs();
  const secret = join(node.work, "secret");
  writeFileSync(secret, "secret");
  symlinkSync(secret, join(node.docs, "out"));
  symlinkSync("../secret", join(node.docs, "deep/up"));
  symlinkSync(node.work, join(node.docs, "around"));
  symlinkSync("a.md", join(node.docs, "inside"));
  expect(await node.value("read", { path: "/@docs/inside" })).toMatchObject({ text: "milk\n" });
  for (const path of ["/@docs/out", "/@docs/around/secret", "/@docs/around"]) {
    for (const operation of ["read", "hash", "list", "stat"])
      expect([path, operation, (await refusal(node.value(operation, { path }))).code]).toEqual([
        path,
        operation,
        "forbidden",
      ]);
    const write = { path, text: "x" };
    expect((await refusal(node.value("write", write))).code).not.toBeUndefined();
  }
  for (const path of ["/@docs/../secret", "/@docs/deep/../../secret", "/@docs/.."])
    expect((await refusal(node.value("read", { path }))).code).toBe("invalid_input");
  const copied = await node.value<{ left: object[] }>("copy", {
    from: "/@docs",
    to: join(node.work, "copy"),
  });
  expect(copied.left).toHaveLength(4);
  expect(readFileSync(secret, "utf8")).toBe("secret");
});

test("the node's own files are in no mount, whether it is of them or around them", async () => {
  await using node = await fsNode();
  const data = join(node.folder, "data");
  for (const path of [data, join(data, "fs")])
    expect((await refusal(node.value("mount", { name: "own", path }))).code).toBe("forbidden");
  symlinkSync(data, join(node.work, "way"));
  expect((await refusal(node.value("mount", { name: "own", path: join(node.work, "way") }))).code).toBe(
    "forbidden",
  );
  await node.value("mount", { name: "all", path: node.folder });
  writeFileSync(join(data, "owner.token"), "token");
  expect((await refusal(node.value("read", { path: "/@all/data/owner.token" }))).code).toBe("forbidden");
  const { entries } = await node.value<{ entries: { path: string }[] }>("list", { path: "/@all" });
  expect(entries.map(({ path }) => path)).toEqual(["/@all/work"]);
});

test("nobody but the owner makes or removes a mount, whatever files are granted", async () => {
  await using node = await withDocs();
  for (const rights of [
    granted({ permission: "*", scope: "*", decision: "allow" }),
    granted(allowing("fs.read", "/", "/@"), allowing("fs.write", "/", "/@")),
    {
      ...granted({ permission: "*", scope: "*", decision: "allow" }),
      caller: { kind: "agent", id: "1", name: "helper" } as const,
    },
  ]) {
    const path = node.docs;
    expect((await refusal(node.value("mount", { name: "mine", path }, rights))).code).toBe("forbidden");
    expect((await refusal(node.value("unmount", { name: "docs" }, rights))).code).toBe("forbidden");
  }
  const { mounts } = await node.value<{ mounts: Shown[] }>("mounts", {});
  expect(mounts.map(({ name }) => name)).toEqual(["docs"]);
});

test("a grant of the whole machine gives no mount, and one of a mount gives nothing else", async () => {
  await using node = await withDocs();
  const machine = granted(allowing("fs.read", "/"));
  for (const path of ["/@docs/a.md", "/@docs", "/@"])
    expect((await refusal(node.value("stat", { path }, machine))).code).toBe("forbidden");
  expect(await node.value("mounts", {}, machine)).toEqual({ mounts: [] });
  const one = granted(allowing("fs.read", "/@docs/deep"));
  expect(await node.value("read", { path: "/@docs/deep/b.md" }, one)).toMatchObject({ text: "tea\n" });
  for (const path of ["/@docs/a.md", "/@docs", join(node.docs, "deep/b.md"), "/@"])
    expect([path, (await refusal(node.value("stat", { path }, one))).code]).toEqual([path, "forbidden"]);
  const every = granted(allowing("fs.read", "/@"));
  expect(await node.value("read", { path: "/@docs/a.md" }, every)).toMatchObject({ text: "milk\n" });
  expect((await refusal(node.value("read", { path: join(node.docs, "a.md") }, every))).code).toBe(
    "forbidden",
  );
});

test("whoever is not the owner is told that a mount is there, and not where it lies", async () => {
  await using node = await withDocs();
  await node.value("mount", { name: "other", kind: "memory" });
  const { mounts } = await node.value<{ mounts: Shown[] }>(
    "mounts",
    {},
    granted(allowing("fs.read", "/@docs/deep")),
  );
  expect(mounts).toEqual([
    { name: "docs", path: "/@docs", kind: "local", readOnly: false, state: "ready" } as Shown,
  ]);
  renameSync(node.docs, `${node.docs}-away`);
  const rights = granted(allowing("fs.read", "/@docs"));
  const gone = await node.value<{ mounts: Shown[] }>("mounts", {}, rights);
  const failed = await refusal(node.value("read", { path: "/@docs/no" }, rights));
  const missing = await refusal(node.value("list", { path: "/@docs" }, rights));
  for (const text of [JSON.stringify(gone), failed.message, missing.message])
    expect(text).not.toContain(node.work);
});

test("a mount that cannot be opened tells why to the owner, and to others that it cannot", async () => {
  await using node = await withDocs();
  renameSync(node.docs, `${node.docs}-away`);
  await using again = await node.restarted();
  const owner = await refusal(again.value("read", { path: "/@docs/a.md" }));
  expect(owner.code).toBe("unavailable");
  expect(owner.message).toContain(node.docs);
  const rights = granted(allowing("fs.read", "/@docs"));
  const other = await refusal(again.value("read", { path: "/@docs/a.md" }, rights));
  expect(other.code).toBe("unavailable");
  expect(other.message).not.toContain(node.work);
  expect(JSON.stringify(await again.value("mounts", {}, rights))).not.toContain(node.work);
});

test("a folder that vanishes is said to be unavailable, and is there again when it comes back", async () => {
  await using node = await withDocs();
  renameSync(node.docs, `${node.docs}-away`);
  for (const [operation, input] of [
    ["read", { path: "/@docs/a.md" }],
    ["write", { path: "/@docs/new.md", text: "x" }],
    ["list", { path: "/@docs" }],
  ] as const)
    expect([operation, (await refusal(node.value(operation, input))).code]).toEqual([
      operation,
      "unavailable",
    ]);
  const { mounts } = await node.value<{ mounts: Shown[] }>("mounts", {});
  expect(mounts[0]).toMatchObject({ name: "docs", state: "unavailable" });
  expect(existsSync(node.docs)).toBe(false);
  renameSync(`${node.docs}-away`, node.docs);
  expect(await node.value("read", { path: "/@docs/a.md" })).toMatchObject({ text: "milk\n" });
});

test("a link in the place of a mounted folder is not followed", async () => {
  await using node = await withDocs();
  renameSync(node.docs, `${node.docs}-away`);
  symlinkSync(node.folder, node.docs);
  for (const path of ["/@docs", "/@docs/work", "/@docs/data"])
    expect([path, (await refusal(node.value("list", { path }))).code]).toEqual([path, "unavailable"]);
  expect((await refusal(node.value("write", { path: "/@docs/x", text: "x" }))).code).toBe("unavailable");
});

test("a name that is in use, or is no name, is refused, and what does not exist is not mounted", async () => {
  await using node = await withDocs();
  const again = await refusal(node.value("mount", { name: "docs", kind: "memory" }));
  expect(again.code).toBe("conflict");
  expect(again.message).toContain("operone fs unmount docs");
  for (const name of ["", "Docs", "a/b", "..", "a.b", "-a", "x".repeat(64)])
    expect([name, (await refusal(node.value("mount", { name, kind: "memory" }))).code]).toEqual([
      name,
      "invalid_input",
    ]);
  const at = { name: "new", path: join(node.work, "no") };
  expect((await refusal(node.value("mount", at))).code).toBe("not_found");
  const noFolder = await refusal(node.value("mount", { ...at, path: join(node.docs, "a.md") }));
  expect(noFolder.code).toBe("conflict");
  expect(noFolder.message).toContain("--kind archive");
  expect((await refusal(node.value("mount", { ...at, path: "/@docs/deep" }))).code).toBe("invalid_input");
  expect((await refusal(node.value("mount", { name: "new" }))).message).toContain(
    "path: is missing; it takes path",
  );
  expect((await refusal(node.value("mount", { name: "new", kind: "memory", path: "/" }))).code).toBe(
    "invalid_input",
  );
  const both = await Promise.allSettled(
    [1, 2].map(() => node.value("mount", { name: "twice", kind: "memory" })),
  );
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
});

test("what only a mount holds is not lost unless somebody says so", async () => {
  await using node = await withDocs();
  await node.value("mount", { name: "scratch", kind: "memory" });
  await node.value("write", { path: "/@scratch/a", text: "x" });
  expect((await refusal(node.value("unmount", { name: "scratch" }))).code).toBe("conflict");
  expect(await node.value("read", { path: "/@scratch/a" })).toMatchObject({ text: "x" });
  await node.value("unmount", { name: "scratch", discard: true });
  await node.value("unmount", { name: "docs" });
  expect(statSync(join(node.docs, "a.md")).size).toBe(5);
  expect((await refusal(node.value("read", { path: "/@docs/a.md" }))).code).toBe("not_found");
  expect((await refusal(node.value("unmount", { name: "docs" }))).code).toBe("not_found");
  rmSync(node.docs, { recursive: true });
});

test("at the command line a mount says where it is, and why it is not there", () => {
  const shown = (name: string, value: object) =>
    mountOperations.find((one) => one.name === name)?.cli.render?.(value);
  const docs = { name: "docs", path: "/@docs", kind: "local", readOnly: true };
  const mounts = [
    { ...docs, state: "ready", settings: { path: "/srv/docs" } },
    { ...docs, state: "unavailable", reason: "it is gone" },
    { ...docs, readOnly: false, state: "ready", settings: { path: { node: "pi", path: "/a" } } },
    { ...docs, state: "ready" },
  ];
  expect(shown("mounts", { mounts })?.stdout).toBe(
    `PATH    KIND              STATE        WHERE
/@docs  local, read-only  ready        path=/srv/docs
/@docs  local, read-only  unavailable  it is gone
/@docs  local             ready        path={"node":"pi","path":"/a"}
/@docs  local, read-only  ready\n`,
  );
  expect(shown("mount", docs)?.stdout).toBe("/@docs\n");
  expect(shown("unmount", docs)?.stdout).toBe("/@docs is gone\n");
});

test("memory takes no more than was allowed", async () => {
  await using node = await fsNode();
  await node.value("mount", { name: "small", kind: "memory", bytesMax: 4_096, entriesMax: 2 });
  const large = node.value("write", { path: "/@small/a", text: "x".repeat(5_000) });
  expect((await refusal(large)).code).toBe("unavailable");
  await node.value("mkdir", { path: "/@small/b" });
  await node.value("mkdir", { path: "/@small/c" });
  expect((await refusal(node.value("mkdir", { path: "/@small/d" }))).code).toBe("unavailable");
});
