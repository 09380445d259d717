/** fs.watch as callers have it: with their rights, on this node, and ended by them. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { linkSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Call } from "../../src/kernel/call.ts";
import { allowing, type FsNode, fsNode, granted } from "./fs-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

let node: FsNode;
beforeAll(async () => {
  node = await fsNode();
});
afterAll(() => node[Symbol.asyncDispose]());

const at = (...names: string[]) => join(node.work, ...names);
let made = 0;
function newFolder(): string {
  const folder = at(`folder-${made++}`);
  mkdirSync(folder);
  return folder;
}

interface Change {
  readonly kind: string;
  readonly path: string;
  readonly from?: string;
}
type Item = { readonly changes?: readonly Change[] } & Readonly<Record<string, unknown>>;

/** A watch that is read until something is so. */
async function watch(path: string, input: object = {}, more: Partial<Call> = {}) {
  const end = new AbortController();
  const answer = await node.kernel.view.call({
    ...{ surface: "http", operation: "fs.watch", input: { path, ...input }, signal: end.signal },
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [{ holder: "owner", owner: true, grants: [] }],
    ...more,
  });
  if (answer.gives !== "items") throw new Error(`fs.watch gave ${answer.gives}`);
  const items: Item[] = [];
  const iterator = (answer.items as AsyncIterable<Item>)[Symbol.asyncIterator]();
  const until = async (isSo: (item: Item) => boolean) => {
    while (!items.some(isSo)) {
      const { value, done } = await iterator.next();
      if (done === true) throw new Error(`it ended with ${JSON.stringify(items)}`);
      items.push(value);
    }
  };
  const changes = () => items.flatMap((item) => item.changes ?? []);
  await until((item) => item.ready === true);
  return {
    ...{ items, changes, until, end },
    told: (kind: string, ...names: string[]) =>
      until(() => changes().some((one) => one.kind === kind && one.path === join(path, ...names))),
    paths: () => changes().map((one) => one.path),
    async [Symbol.asyncDispose]() {
      end.abort();
      await iterator.return?.();
    },
  };
}

test("what is made, changed, renamed and removed is told of", async () => {
  const folder = newFolder();
  await using one = await watch(folder);
  writeFileSync(join(folder, "a"), "1");
  await one.told("created", "a");
  writeFileSync(join(folder, "a"), "22");
  await one.told("changed", "a");
  renameSync(join(folder, "a"), join(folder, "b"));
  await one.told("renamed", "b");
  expect(one.changes().at(-1)).toMatchObject({ kind: "renamed", from: join(folder, "a") });
  rmSync(join(folder, "b"));
  await one.told("removed", "b");
});

test("patterns, the folder alone, and what is there already are asked for", async () => {
  const folder = newFolder();
  mkdirSync(join(folder, "deep"));
  writeFileSync(join(folder, "deep", "old.log"), "");
  await using logs = await watch(folder, { pattern: "*.log", initial: true });
  await using flat = await watch(folder, { recursive: false });
  expect(logs.paths()).toEqual([join(folder, "deep", "old.log")]);
  writeFileSync(join(folder, "deep", "new.txt"), "");
  writeFileSync(join(folder, "deep", "new.log"), "");
  await logs.told("created", "deep", "new.log");
  writeFileSync(join(folder, "end"), "");
  await flat.told("created", "end");
  expect(logs.paths()).toHaveLength(2);
  expect(flat.paths()).not.toContain(join(folder, "deep", "new.log"));
});

test("nothing is told of what the caller may not read, whatever is moved there", async () => {
  const folder = newFolder();
  for (const name of ["open", "shut", ".hidden"]) mkdirSync(join(folder, name));
  const narrow = granted(
    { permission: "fs.read", scope: { paths: [folder], hidden: false }, decision: "allow" },
    { permission: "fs.read", scope: { paths: [join(folder, "shut")] }, decision: "deny" },
  );
  await using one = await watch(folder, { initial: true }, narrow);
  for (const name of ["open", "shut", ".hidden"]) writeFileSync(join(folder, name, "secret"), "x");
  await one.told("created", "open", "secret");
  renameSync(join(folder, "open", "secret"), join(folder, "shut", "moved"));
  await one.told("removed", "open", "secret");
  renameSync(join(folder, "shut", "moved"), join(folder, "open", "back"));
  await one.told("created", "open", "back");
  symlinkSync(join(folder, "shut"), join(folder, "open", "link"));
  await one.told("created", "open", "link");
  writeFileSync(join(folder, "shut", "behind"), "x");
  writeFileSync(join(folder, "open", "end"), "x");
  await one.told("created", "open", "end");
  expect(JSON.stringify(one.items)).not.toMatch(/shut|hidden|behind/);
});

test("a folder that may not be read is not watched, nor one through a link that leads out", async () => {
  const [open, shut] = [newFolder(), newFolder()];
  symlinkSync(shut, join(open, "way"));
  const narrow = granted(allowing("fs.read", open));
  for (const path of [shut, join(open, "way"), join(open, "..")])
    await expect(watch(path, {}, narrow)).rejects.toMatchObject({ code: "forbidden" });
  await expect(watch(open, {}, granted(allowing("fs.write", open)))).rejects.toMatchObject({
    code: "forbidden",
  });
});

test("the node's own files are nobody's to watch, by no name", async () => {
  const data = join(node.folder, "data");
  writeFileSync(join(data, "owner.token"), "1");
  await expect(watch(data)).rejects.toMatchObject({ code: "forbidden" });
  await using all = await watch(node.folder, { ignoreFiles: false });
  writeFileSync(join(data, "owner.token"), "22");
  const folder = newFolder();
  linkSync(join(data, "owner.token"), join(folder, "second"));
  writeFileSync(join(folder, "end"), "");
  await all.until(() => all.paths().includes(join(folder, "end")));
  expect(JSON.stringify(all.items)).not.toMatch(/owner\.token|second/);
});

test("rights that end while it runs end it", async () => {
  const folder = newFolder();
  const until = { expiresAtMs: Date.now() + 300 };
  const brief = granted({ ...allowing("fs.read", folder), ...until });
  await using one = await watch(folder, {}, brief);
  await expect(one.until(() => false)).rejects.toMatchObject({ code: "forbidden" });
});

test("what is there no more ends it with the reason, and what is no folder is not watched", async () => {
  const folder = newFolder();
  await using one = await watch(folder);
  renameSync(folder, `${folder}-gone`);
  await one.until((item) => typeof item.ended === "string");
  writeFileSync(at("file"), "");
  await expect(watch(at("file"))).rejects.toMatchObject({ code: "conflict" });
  await expect(watch(at("nothing"))).rejects.toMatchObject({ code: "not_found" });
});

test("watches that end leave nothing open, and there is a most of them", async () => {
  const folder = newFolder();
  const opened = () => readdirSync("/proc/self/fd").length;
  {
    await using _ = await watch(folder);
  }
  const before = opened();
  for (let times = 0; times < 20; times++) {
    await using _ = await watch(folder);
  }
  expect(opened() - before).toBeLessThan(5);
  const many: AsyncDisposable[] = [];
  const [sharedBy, surface] = ["a node", "http" as const];
  for (let times = 0; times < 8; times++) many.push(await watch(folder, {}, { sharedBy, surface }));
  await expect(watch(folder, {}, { sharedBy, surface })).rejects.toMatchObject({ code: "limited" });
  await using _ = await watch(folder);
  for (const one of many) await one[Symbol.asyncDispose]();
});

test("a reader that does not read is told of the last state, once", async () => {
  const folder = newFolder();
  await using one = await watch(folder);
  for (let at = 0; at < 3_000; at++) writeFileSync(join(folder, "busy"), String(at).repeat(at % 5));
  writeFileSync(join(folder, "end"), "");
  await one.told("created", "end");
  const busy = one.changes().filter(({ path }) => path === join(folder, "busy"));
  expect(busy.length).toBeLessThan(200);
});

test("no token takes the watches of others, and all of them together not the owner's", async () => {
  const folder = newFolder();
  const by = (id: string) => ({
    ...granted(allowing("fs.read", folder)),
    caller: { kind: "token", id, name: id } as const,
  });
  await using held = new AsyncDisposableStack();
  const begin = async (more: Partial<Call>) => held.use(await watch(folder, {}, more));
  for (let times = 0; times < 32; times++) await begin(by("one"));
  await expect(begin(by("one"))).rejects.toMatchObject({ code: "limited" });
  for (let times = 0; times < 32; times++) await begin(by("two"));
  await expect(begin(by("three"))).rejects.toMatchObject({ code: "limited" });
  await begin({});
});
