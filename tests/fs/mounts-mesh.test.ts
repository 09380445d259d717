/** Mounts and the mesh: folders of another node below a name here, and what others see of the mounts of a node. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
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

const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-mounted-")));
const at = (name: string) => join(folder, name);
let here: MeshNode;
let there: MeshNode;
beforeAll(async () => {
  mkdirSync(at("docs/deep"), { recursive: true });
  mkdirSync(at("near"));
  writeFileSync(at("docs/a"), "far\n");
  writeFileSync(at("docs/deep/b"), "deep\n");
  writeFileSync(at("secret"), "secret");
  [here, there] = await Promise.all([startMeshNode({ name: "here" }), startMeshNode({ name: "there" })]);
  await joinMesh(there, here);
  await connected(here, there);
  await allow("admin");
  await here.given("fs.mount", { name: "far", kind: "node", path: { node: "there", path: at("docs") } });
});
afterAll(async () => {
  await removeMeshNodes();
  rmSync(folder, { recursive: true });
});

async function allow(role: string): Promise<void> {
  await there.given("networking.role", { peer: here.mesh().peerId, role }).catch((error) => {
    if (error.code !== "conflict") throw error;
  });
  await there.given("networking.allow", { role });
}

const grant = (permission: string, ...paths: string[]) => `${permission}=${JSON.stringify({ paths })}`;

test("a folder of another node is worked in as one of here", async () => {
  expect(await here.given("fs.read", { path: "/@far/a" })).toMatchObject({ path: "/@far/a", text: "far\n" });
  expect(await here.given("fs.list", { path: "/@far" })).toMatchObject({
    entries: [{ path: "/@far/a" }, { path: "/@far/deep", kind: "directory" }],
  });
  expect(await here.given("fs.tree", { path: "/@far" })).toMatchObject({ more: false });
  await here.given("fs.write", { path: "/@far/new/c", text: "one", parents: true });
  await here.given("fs.append", { path: "/@far/new/c", text: " two" });
  await here.given("fs.edit", { path: "/@far/new/c", edits: [{ old: "two", new: "three" }] });
  expect(readFileSync(at("docs/new/c"), "utf8")).toBe("one three");
  await here.given("fs.move", { from: "/@far/new/c", to: "/@far/new/d" });
  await here.given("fs.copy", { from: "/@far/new", to: at("near/new") });
  expect(readFileSync(at("near/new/d"), "utf8")).toBe("one three");
  await here.given("fs.move", { from: at("near/new/d"), to: "/@far/moved" });
  expect(readFileSync(at("docs/moved"), "utf8")).toBe("one three");
  const { trash } = (await here.given("fs.remove", { path: "/@far/new", recursive: true })) as {
    trash: string;
  };
  await here.given("fs.restore", { id: trash });
  expect(readFileSync(at("docs/new/d"), "utf8")).toBe("one three");
  expect(await here.given("fs.usage", { path: "/@far" })).toMatchObject({ files: 4 });
  expect(await here.given("fs.glob", { pattern: "**/b", path: "/@far" })).toMatchObject([
    { path: "/@far/deep/b" },
  ]);
});

test("a link there leads nowhere out of the mounted folder", async () => {
  symlinkSync(at("secret"), at("docs/out"));
  symlinkSync("..", at("docs/up"));
  for (const path of ["/@far/out", "/@far/up/secret", "/@far/up"])
    for (const operation of ["fs.stat", "fs.hash", "fs.read", "fs.list"])
      expect([path, operation, (await here.refused(operation, { path })).code]).toEqual([
        path,
        operation,
        "forbidden",
      ]);
  for (const path of ["/@far/out", "/@far/up/planted"])
    expect((await here.refused("fs.write", { path, text: "x" })).code).toBe("forbidden");
  expect((await here.refused("fs.move", { from: "/@far/a", to: "/@far/up/a" })).code).toBe("forbidden");
  // Nor from a part of it that is granted to one that is not.
  symlinkSync("../a", at("docs/deep/across"));
  const part = await here.token({
    name: "part",
    grant: [grant("fs.read", "/@far/deep", folder), grant("fs.write", "/@far/deep", folder)],
    nodes: ["self", "there"],
  });
  const across = "/@far/deep/across";
  await here.given("fs.read", { path: "/@far/deep/b" }, { token: part });
  expect((await here.refused("fs.read", { path: across }, { token: part })).code).toBe("forbidden");
  expect((await here.refused("fs.write", { path: across, text: "x" }, { token: part })).code).toBe(
    "forbidden",
  );
  expect(readFileSync(at("docs/a"), "utf8")).toBe("far\n");
  expect(readFileSync(at("secret"), "utf8")).toBe("secret");
});

test("what was read of another node is not sent again, until it changes, and is asked for each time", async () => {
  const text = "far and wide\n".repeat(50_000);
  writeFileSync(at("docs/large"), text);
  const sent = () =>
    there.kernel.view
      .statistics()
      .filter(({ operation }) => operation === "fs.content")
      .reduce((sum, { count }) => sum + count, 0);
  const read = async () => {
    const answer = await here.call("fs.content", { path: "/@far/large" });
    if (answer.gives !== "bytes") throw new Error(`fs.content gave ${answer.gives}`);
    return Buffer.concat(await Array.fromAsync(answer.bytes.open())).toString();
  };
  expect(await read()).toBe(text);
  const before = sent();
  expect(await read()).toBe(text);
  expect(sent()).toBe(before);
  writeFileSync(at("docs/large"), "changed");
  expect(await read()).toBe("changed");
  await allow("observer");
  expect((await here.refused("fs.content", { path: "/@far/large" })).code).toBe("forbidden");
  await allow("admin");
  await here.given("fs.mount", { name: "brief", kind: "node", path: { node: "there", path: at("docs") } });
  const kept = () => readdirSync(join(here.directory, "fs/cache"), { recursive: true }).length;
  writeFileSync(at("docs/only-there"), "read by that mount alone");
  await here.given("fs.read", { path: "/@brief/only-there" });
  const most = kept();
  await here.given("fs.unmount", { name: "brief" });
  expect(kept()).toBe(most - 1);
  rmSync(at("docs/only-there"));
  rmSync(at("docs/large"));
});

test("a mount of another node gives nobody more than they may do on that node", async () => {
  const mountOnly = await here.token({ name: "mount-only", grant: [grant("fs.read", "/@far")] });
  const elsewhere = await here.token({
    name: "elsewhere",
    grant: [grant("fs.read", "/@far", at("near"))],
    nodes: ["self", "there"],
  });
  for (const token of [mountOnly, elsewhere]) {
    const shut = await here.refused("fs.read", { path: "/@far/a" }, { token });
    expect(shut.code).toBe("forbidden");
    // Nor where it lies.
    expect(JSON.stringify([shut.message, shut.details])).not.toMatch(/there|operone-mounted/);
  }
  const both = await here.token({
    name: "both",
    grant: [grant("fs.read", "/@far", at("docs"))],
    nodes: ["self", "there"],
  });
  expect(await here.given("fs.read", { path: "/@far/a" }, { token: both })).toMatchObject({ text: "far\n" });
  expect((await here.refused("fs.write", { path: "/@far/a", text: "x" }, { token: both })).code).toBe(
    "forbidden",
  );
  const farOnly = await here.token({
    name: "far-only",
    grant: [grant("fs.read", at("docs"))],
    nodes: ["self", "there"],
  });
  expect((await here.refused("fs.read", { path: "/@far/a" }, { token: farOnly })).code).toBe("forbidden");
});

test("another node sees of the mounts what it may, and never where they lie, nor makes one", async () => {
  mkdirSync(at("theirs"));
  await there.given("fs.mount", { name: "theirs", path: at("theirs") });
  const seen = await here.token({ name: "seer", grant: [grant("fs.read", "/@theirs")], nodes: ["there"] });
  const asked = { node: "there", token: seen };
  const mounts = await here.given("fs.mounts", {}, asked);
  expect(mounts).toEqual({
    mounts: [{ name: "theirs", path: "/@theirs", kind: "local", readOnly: false, state: "ready" }],
  });
  renameSync(at("theirs"), at("theirs-away"));
  const refused = await here.refused("fs.list", { path: "/@theirs" }, asked);
  expect(refused.code).toBe("unavailable");
  expect(refused.message).not.toContain(folder);
  expect(JSON.stringify(await here.given("fs.mounts", {}, asked))).not.toContain(folder);
  renameSync(at("theirs-away"), at("theirs"));
  for (const token of [seen, undefined]) {
    const options = { node: "there", ...(token === undefined ? {} : { token }) };
    expect((await here.refused("fs.mount", { name: "x", kind: "memory" }, options)).code).toMatch(
      /not_found|forbidden|unsupported|invalid_input/,
    );
    expect((await here.refused("fs.unmount", { name: "theirs" }, options)).code).toMatch(
      /not_found|forbidden|unsupported|invalid_input/,
    );
  }
  const other = await here.token({ name: "other", grant: [grant("fs.read", at("docs"))], nodes: ["there"] });
  expect(await here.given("fs.mounts", {}, { node: "there", token: other })).toEqual({ mounts: [] });
});

test("a mount of a mount is used over two nodes, and a third is refused", async () => {
  await here.given("networking.allow", { role: "admin" });
  await here.given("networking.role", { peer: there.mesh().peerId, role: "admin" }).catch((error) => {
    if (error.code !== "conflict") throw error;
  });
  writeFileSync(at("near/x"), "near\n");
  mkdirSync(at("near/full"));
  writeFileSync(at("near/full/y"), "y");
  await there.given("fs.mount", { name: "back", kind: "node", path: { node: "here", path: at("near") } });
  await here.given("fs.mount", { name: "loop", kind: "node", path: { node: "there", path: "/@back" } });
  expect(await here.given("fs.read", { path: "/@loop/x" })).toMatchObject({
    path: "/@loop/x",
    text: "near\n",
  });
  const round = { name: "round", kind: "node", path: { node: "here", path: "/@loop" } };
  expect((await there.refused("fs.mount", round)).code).toBe("forbidden");
  // It is one file, over two nodes: it must not be copied over itself and then removed.
  for (const name of ["x", "full"]) {
    const itself = { from: at(`near/${name}`), to: `/@loop/${name}`, replace: true };
    expect((await here.refused("fs.move", itself)).code).toBe("conflict");
  }
  expect(readFileSync(at("near/full/y"), "utf8")).toBe("y");
  expect(readFileSync(at("near/x"), "utf8")).toBe("near\n");
  await here.given("fs.unmount", { name: "loop" });
});

test("a node that is away is said to be unavailable, and its mount stays", async () => {
  await there.stop();
  const refused = await here.refused("fs.read", { path: "/@far/a" });
  expect(refused.code).toBe("unavailable");
  expect(refused.message).toContain("The node there");
  const token = await here.token({
    name: "left",
    grant: [grant("fs.read", "/@far", at("docs"))],
    nodes: ["self", "there"],
  });
  const shut = await here.refused("fs.read", { path: "/@far/a" }, { token });
  expect(shut.code).toBe("unavailable");
  expect(shut.message).not.toMatch(/The node there|127\.0\.0\.1|operone-mounted/);
  const { mounts } = (await here.given("fs.mounts")) as { mounts: { name: string; state: string }[] };
  expect(mounts).toMatchObject([{ name: "far", state: "unavailable" }]);
  await here.given("fs.unmount", { name: "far" });
  expect(await here.given("fs.mounts")).toEqual({ mounts: [] });
});
