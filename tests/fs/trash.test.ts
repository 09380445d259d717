/** The trash: what it keeps whatever happens, and what it gives to nobody. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalBackend } from "../../modules/fs/local/local-backend.ts";
import { Trash } from "../../modules/fs/trash.ts";
import type { Authority } from "../../src/kernel/authority.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { allowing, type FsNode, fsNode, granted } from "./fs-node.ts";

const dayMs = 86_400_000;
const keepMs = 30 * dayMs;
const shared = "/dev/shm";

let node: FsNode;
let folder = "";
beforeAll(async () => {
  node = await fsNode();
  folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-trash-")));
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
const at = (name: string) => join(node.work, name);

const owner: Authority = {
  sets: [{ holder: "owner", owner: true, grants: [] }],
  decide: () => "allow",
  check: () => {},
};
const everything = { allows: () => true, check: () => {}, unlimited: true };
const backend = new LocalBackend({
  ...{ root: "", refused: [], writable: true, tag: "test" },
  random: (count) => crypto.getRandomValues(new Uint8Array(count)),
});

/** A trash at the same place each time, as after a start, on a clock whose time of day can be set. */
function trashAfterStart(directory: string, day: { ms: number }) {
  const simulated = simulatedClock(0);
  const clock = { ...simulated, nowMs: () => day.ms };
  const random = { bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)) };
  const trash = new Trash({ clock, random, directory, keepMs });
  const remove = async (name: string) => {
    const path = join(folder, name);
    writeFileSync(path, name);
    const place = { backend, path, access: everything, shown: (inner: string) => inner };
    const entry = await backend.stat(everything, path);
    if (entry === undefined) throw new Error("it is there");
    await trash.put(place, entry);
  };
  const passes = async (ms: number) => {
    day.ms += ms;
    await simulated.advance(ms);
    await trash.prune();
  };
  const names = async () =>
    (await trash.list(owner)).map(({ path }) => path.slice(folder.length + 1)).toSorted();
  return { remove, passes, names };
}

test("a clock that jumps by years, ahead or back, forgets nothing before its time", async () => {
  const [directory, day] = [join(folder, "jumps"), { ms: 1_800_000_000_000 }];
  const trash = trashAfterStart(directory, day);
  await trash.remove("first");
  day.ms += 3_650 * dayMs;
  await trash.remove("second");
  expect(await trash.names()).toEqual(["first", "second"]);
  day.ms -= 7_300 * dayMs;
  await trash.passes(29 * dayMs);
  await trash.remove("third");
  expect(await trash.names()).toEqual(["first", "second", "third"]);
  // And what has really been there too long is forgotten.
  await trash.passes(2 * dayMs);
  expect(await trash.names()).toEqual(["third"]);
});

test("of the time between two starts a day counts, however long it seems to have been", async () => {
  const [directory, day] = [join(folder, "starts"), { ms: 1_800_000_000_000 }];
  await trashAfterStart(directory, day).remove("kept");
  for (let start = 1; start <= 30; start++) {
    day.ms += 365 * dayMs;
    const trash = trashAfterStart(directory, day);
    await trash.passes(0);
    expect(await trash.names()).toEqual(["kept"]);
  }
  day.ms += dayMs;
  const last = trashAfterStart(directory, day);
  await last.passes(1);
  expect(await last.names()).toEqual([]);
});

test("a lost or broken record of time makes things stay, and a crash before a thing arrived leaves nothing to restore", async () => {
  const [directory, day] = [join(folder, "broken"), { ms: 1_800_000_000_000 }];
  const before = trashAfterStart(directory, day);
  await before.passes(20 * dayMs);
  await before.remove("one");
  writeFileSync(join(directory, "age.json"), "{");
  mkdirSync(join(directory, "0123456789abcdef"));
  writeFileSync(
    join(directory, "0123456789abcdef/facts.json"),
    JSON.stringify({ path: join(folder, "none"), kind: "file", sizeBytes: 1, removedAtMs: 1, agedMs: 1 }),
  );
  const after = trashAfterStart(directory, day);
  await after.passes(29 * dayMs);
  expect(await after.names()).toEqual(["one"]);
  await after.passes(30 * dayMs + 1);
  expect(await after.names()).toEqual([]);
});

test("whoever may remove and not read learns nothing by restoring to where they may read", async () => {
  mkdirSync(at("shut"));
  mkdirSync(at("open"));
  writeFileSync(at("shut/secret"), "outside");
  const call = granted(allowing("fs.write", at("shut"), at("open")), allowing("fs.read", at("open")));
  const { trash } = await node.value<{ trash: string }>("remove", { path: at("shut/secret") }, call);
  await expect(node.value("restore", { id: trash, to: at("open/secret") }, call)).rejects.toMatchObject({
    code: "forbidden",
  });
  expect(readdirSync(at("open"))).toEqual([]);
  await node.value("restore", { id: trash }, call);
  expect(readFileSync(at("shut/secret"), "utf8")).toBe("outside");
});

test("what a deny keeps from a caller does not come to it out of what another has removed", async () => {
  mkdirSync(at("tree/denied"), { recursive: true });
  writeFileSync(at("tree/denied/secret"), "outside");
  const { trash } = await node.value<{ trash: string }>("remove", { path: at("tree"), recursive: true });
  const scope = { paths: [at("tree/denied")] };
  const call = granted(allowing("fs.read", node.work), allowing("fs.write", node.work), {
    permission: "fs.read",
    scope,
    decision: "deny",
  });
  await expect(node.value("restore", { id: trash, to: at("mine") }, call)).rejects.toMatchObject({
    code: "forbidden",
  });
  expect(existsSync(at("mine"))).toBe(false);
  await node.value("restore", { id: trash }, call);
  await expect(node.value("read", { path: at("tree/denied/secret") }, call)).rejects.toMatchObject({
    code: "forbidden",
  });
});

test("a restore never writes over what came meanwhile, also from another file system", async () => {
  if (!existsSync(shared)) return;
  const path = join(shared, `operone-trash-${crypto.randomUUID()}`);
  writeFileSync(path, "old");
  const { trash } = await node.value<{ trash: string }>("remove", { path });
  writeFileSync(path, "new");
  await expect(node.value("restore", { id: trash })).rejects.toMatchObject({ code: "conflict" });
  expect(readFileSync(path, "utf8")).toBe("new");
  rmSync(path);
  await node.value("restore", { id: trash });
  expect(readFileSync(path, "utf8")).toBe("old");
  rmSync(path);
});

test("a pipe is not copied to another file system, and stays where it was", async () => {
  if (!existsSync(shared)) return;
  const path = join(shared, `operone-trash-${crypto.randomUUID()}`);
  mkdirSync(path);
  writeFileSync(join(path, "file"), "kept");
  Bun.spawnSync(["mkfifo", join(path, "pipe")]);
  await expect(node.value("remove", { path, recursive: true })).rejects.toMatchObject({
    code: "unsupported",
  });
  expect(readdirSync(path).toSorted()).toEqual(["file", "pipe"]);
  expect(await node.value("trash-list", {})).toEqual({ items: [] });
  await node.value("remove", { path, recursive: true, permanent: true });
});
