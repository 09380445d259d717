/** Files of another node: the same operations, within what both sides and the caller's own grants allow. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import {
  connected,
  joinMesh,
  type MeshNode,
  removeMeshNodes,
  startMeshNode,
} from "../networking/mesh-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-far-")));
const node = "there";
let here: MeshNode;
let there: MeshNode;
beforeAll(async () => {
  mkdirSync(join(folder, "open"));
  mkdirSync(join(folder, "shut"));
  writeFileSync(join(folder, "open/list"), "buy milk\n");
  writeFileSync(join(folder, "shut/secret"), "secret");
  [here, there] = await Promise.all([startMeshNode({ name: "here" }), startMeshNode({ name: "there" })]);
  await joinMesh(there, here);
  await connected(here, there);
  await allow("admin");
});
afterAll(async () => {
  await removeMeshNodes();
  rmSync(folder, { recursive: true });
});

async function allow(role: string): Promise<void> {
  const change = { peer: here.mesh().peerId, role };
  await there.given("networking.role", change).catch((error) => {
    if (error.code !== "conflict") throw error;
  });
  await there.given("networking.allow", { role });
}

const at = (name: string) => join(folder, name);

test("a file of another node is read, written, edited and removed as one of here", async () => {
  expect(await here.given("fs.read", { path: at("open/list") }, { node })).toMatchObject({
    text: "buy milk\n",
  });
  const bytes = (async function* () {
    for (let part = 0; part < 40; part++) yield Buffer.alloc(100_000, part);
  })();
  expect(await here.given("fs.write", { path: at("open/large") }, { node, bytes })).toMatchObject({
    sizeBytes: 4_000_000,
  });
  const answer = await here.call("fs.content", { path: at("open/large") }, { node });
  if (answer.gives !== "bytes") throw new Error(answer.gives);
  const part = Buffer.concat(await Array.fromAsync(answer.bytes.open({ start: 99_999, end: 100_001 })));
  expect([...part]).toEqual([0, 1]);
  const edits = [{ old: "milk", new: "oat milk" }];
  expect(await here.given("fs.edit", { path: at("open/list"), edits }, { node })).toMatchObject({
    written: true,
  });
  expect(readFileSync(at("open/list"), "utf8")).toBe("buy oat milk\n");
  const removed = (await here.given("fs.remove", { path: at("open/large") }, { node })) as { trash: string };
  expect(await here.given("fs.restore", { id: removed.trash }, { node })).toMatchObject({
    path: at("open/large"),
  });
});

test("a token reaches there what its grants name for that node, and nothing beside", async () => {
  const scope = JSON.stringify({ paths: [at("open")] });
  const token = await here.token({ name: "far", grant: [`fs.read=${scope}`], nodes: ["there"] });
  const asked = { node, token };
  expect(await here.given("fs.read", { path: at("open/list") }, asked)).toMatchObject({ lines: 1 });
  for (const path of [at("shut/secret"), "/etc/passwd", folder])
    expect((await here.refused("fs.read", { path }, asked)).code).toBe("forbidden");
  expect((await here.refused("fs.write", { path: at("open/x"), text: "x" }, asked)).code).toBe("forbidden");
  // The same right counts nothing on the node that made it.
  expect((await here.refused("fs.read", { path: at("open/list") }, { token })).code).toBe("forbidden");
});

test("a node that is an operator there has the files of the home that are not hidden, and no more", async () => {
  await allow("operator");
  for (const path of [at("open/list"), "/etc/passwd", join(homedir(), ".ssh/id_ed25519"), "~/.bashrc"])
    expect([path, (await here.refused("fs.read", { path }, { node })).code]).toEqual([path, "forbidden"]);
  await here.given("fs.list", { path: "~" }, { node });
  await allow("observer");
  expect((await here.refused("fs.list", { path: "~" }, { node })).code).toBe("forbidden");
  await allow("admin");
});

test("a folder of another node is watched, and the end of the call ends it there", async () => {
  const end = new AbortController();
  const answer = await here.call("fs.watch", { path: at("open") }, { node, signal: end.signal });
  const seen: string[] = [];
  for await (const item of answer.gives === "items" ? answer.items : []) {
    seen.push(JSON.stringify(item));
    if (seen.length === 1) writeFileSync(at("open/heard"), "");
    if (seen.some((text) => text.includes("heard"))) break;
  }
  end.abort();
  expect(seen[0]).toContain("ready");
});

test("the keys of another node are nobody's, not even for an admin", async () => {
  for (const name of ["owner.token", "node.key", ""])
    expect((await here.refused("fs.list", { path: join(there.directory, name) }, { node })).code).toBe(
      "forbidden",
    );
});

interface Copied {
  readonly files: number;
  readonly directories: number;
  readonly left: readonly object[];
}

test("a directory is copied to another node and back, with its times, modes and odd names", async () => {
  const near = realpathSync(mkdtempSync(join(tmpdir(), "operone-near-")));
  mkdirSync(join(near, "tree/deep"), { recursive: true });
  writeFileSync(join(near, "tree/deep/run"), "#!/bin/sh", { mode: 0o750 });
  writeFileSync(join(near, "tree/\u00fcber 1"), Buffer.alloc(3_000_000, 7));
  utimesSync(join(near, "tree/deep/run"), 1_000, 1_000);
  const out = await here.given("fs.copy", { from: join(near, "tree"), to: { node, path: at("copied") } });
  expect(out as Copied).toMatchObject({ files: 2, directories: 2, left: [] });
  const made = statSync(at("copied/deep/run"));
  expect([made.mode & 0o777, made.mtimeMs]).toEqual([0o750, 1_000_000]);
  const back = await here.given("fs.copy", { from: { node, path: at("copied") }, to: join(near, "back") });
  expect(back as Copied).toMatchObject({ files: 2, left: [] });
  expect(readFileSync(join(near, "back/\u00fcber 1")).equals(Buffer.alloc(3_000_000, 7))).toBe(true);
  const again = { from: { node, path: at("copied/deep/run") }, to: join(near, "back/deep/run") };
  expect((await here.refused("fs.copy", again)).code).toBe("conflict");
  await here.given("fs.copy", { ...again, replace: true });
  rmSync(near, { recursive: true });
});

test("a token copies only what it may read on the one side, to where it may write on the other", async () => {
  const near = realpathSync(mkdtempSync(join(tmpdir(), "operone-near-")));
  writeFileSync(join(near, "mine"), "mine");
  const token = await here.token({
    name: "carrier",
    grant: [
      `fs.read=${JSON.stringify({ paths: [at("open")] })}`,
      `fs.write=${JSON.stringify({ paths: [near] })}`,
    ],
    nodes: ["there", "self"],
  });
  await here.given("fs.copy", { from: { node, path: at("open/list") }, to: join(near, "list") }, { token });
  for (const [from, to] of [
    [{ node, path: at("shut/secret") }, join(near, "secret")],
    [{ node, path: at("open/list") }, join(tmpdir(), "operone-elsewhere")],
    [join(near, "mine"), { node, path: at("open/mine") }],
  ] as const)
    expect([from, (await here.refused("fs.copy", { from, to }, { token })).code]).toEqual([
      from,
      "forbidden",
    ]);
  rmSync(near, { recursive: true });
});

test("a copy to another node that is only tried tells of it, sends nothing, and needs the right there", async () => {
  const near = realpathSync(mkdtempSync(join(tmpdir(), "operone-near-")));
  mkdirSync(join(near, "tree/deep"), { recursive: true });
  writeFileSync(join(near, "tree/deep/a"), "new\n");
  const to = { node, path: at("only-tried") };
  const told = await here.given("fs.copy", { from: join(near, "tree"), to, dryRun: true });
  expect(told).toMatchObject({ files: 1, directories: 2, bytes: 4, left: [], written: false });
  expect((told as { diff: string }).diff).toContain(`+ ${node}:${at("only-tried/deep/a")}\n`);
  expect(existsSync(at("only-tried"))).toBe(false);
  const reader = await here.token({
    name: "tries",
    grant: [`fs.read=${JSON.stringify({ paths: [at("open"), near] })}`],
    nodes: ["self", "there"],
  });
  const open = { node, path: at("open/new") };
  for (const from of [join(near, "tree"), join(near, "tree/deep/a")]) {
    const refused = await here.refused("fs.copy", { from, to: open, dryRun: true }, { token: reader });
    expect(refused.code).toBe("forbidden");
  }
  rmSync(near, { recursive: true });
});

test("a search on all nodes names the node of each hit, and one that is gone spoils nothing", async () => {
  mkdirSync(at("invoices"));
  writeFileSync(at("invoices/may"), "invoice 2025\ninvoice 2026\n");
  const third = await startMeshNode({ name: "third" });
  await joinMesh(here, third);
  await connected(here, third);
  await third.stop();
  const answer = await here.call(
    "fs.search",
    { pattern: "invoice 2026", path: at("invoices") },
    { node: "all" },
  );
  if (answer.gives !== "items") throw new Error(answer.gives);
  const items = (await Array.fromAsync(answer.items)) as { node: string; value?: object; error?: object }[];
  const of = (name: string) => items.filter(({ node }) => node === name);
  for (const name of ["here", "there"])
    expect(of(name)).toMatchObject([
      { value: { path: at("invoices/may"), line: 2, text: "invoice 2026" } },
      { value: { summary: { matches: 1 } } },
    ]);
  expect(of("third")).toMatchObject([{ error: { code: "unavailable" } }]);
});
