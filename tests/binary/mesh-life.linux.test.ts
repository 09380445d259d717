import { afterAll, expect, test } from "bun:test";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import {
  configure,
  connected,
  done,
  enter,
  invite,
  meshDirectory,
  meshNode,
  nodesOf,
  ownAddress,
} from "./mesh-node.ts";
import { cleanUp, eventually, folder, run, type TestNode } from "./node.ts";

afterAll(cleanUp);

const port = 6738;
const at = (address: string) => `addresses = ["${address}"]`;

async function listens(address: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: address, port, socket: { data() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

async function peerIdOf(node: TestNode): Promise<string> {
  return JSON.parse((await done(node.run(["mesh", "--json"]))).stdout).peerId;
}

test("a node in no mesh listens for none, from its first invite on it does, and after leave no more", async () => {
  const address = ownAddress();
  const node = await meshNode("a", { directory: meshDirectory("a", at(address)) });
  // Neither a key nor a store was made, so nothing of the mesh was loaded for it.
  expect(["node.key", "networking"].filter((name) => existsSync(join(node.directory, name)))).toEqual([]);
  expect((await done(node.run(["mesh", "--json"]))).stdout).toContain('"none"');
  expect(await listens(address)).toBe(false);
  await invite(node);
  expect(await listens(address)).toBe(true);
  await done(node.run(["leave"]));
  expect(await listens(address)).toBe(false);
  await node.stop();
});

test("a mesh port that somebody else has is named, and all else of the node works", async () => {
  const address = ownAddress();
  const directory = meshDirectory("a", at(address));
  const other = Bun.listen({ hostname: address, port, socket: { data() {} } });
  const fresh = await meshNode("a", { directory });
  const refused = await fresh.run(["invite"]);
  expect(refused.code).toBe(15);
  expect(refused.stderr).toContain(`TCP port ${port}`);
  other.stop(true);
  // What failed left nothing behind that would keep it from working now.
  await invite(fresh);
  await fresh.stop();

  const again = Bun.listen({ hostname: address, port, socket: { data() {} } });
  const node = await meshNode("a", { directory });
  expect(
    await eventually(async () => (await node.run(["modules"])).stdout.includes(`TCP port ${port}`)),
  ).toBe(true);
  expect((await done(node.run(["status"]))).stdout).toContain("a is");
  expect((await node.run(["shell", "run", "--profile", "unconfined", "--", "echo", "works"])).stdout).toBe(
    "works\n",
  );
  const nodes = await node.run(["nodes"]);
  expect(nodes.code).toBe(15);
  expect((await node.run(["doctor"])).stdout).toContain(`${port}`);
  again.stop(true);
  await node.stop();
});

test("a backup holds the membership: restored elsewhere, it is the same node of the mesh", async () => {
  const [a, b] = await Promise.all([
    meshNode("a", { directory: meshDirectory("a", at(ownAddress())) }),
    meshNode("b", { directory: meshDirectory("b", at(ownAddress())) }),
  ]);
  await enter(a, b, "--allow", "operator");
  const id = await peerIdOf(b);
  const file = join(folder(), "backup.tar");
  await done(b.run(["node", "backup", "--output", file]));
  await b.stop();
  const directory = join(folder(), "new");
  await done(run(["restore", file, "--data", directory]));
  const restored = await meshNode("b", { directory });
  await connected(a, "b");
  await connected(restored, "a");
  const { peerId, cap } = JSON.parse((await done(restored.run(["mesh", "--json"]))).stdout);
  expect({ peerId, cap }).toEqual({ peerId: id, cap: "operator" });
  expect((await done(a.run(["status", "--node", "b"]))).stdout).toContain(directory);
  expect((await restored.run(["doctor"])).stdout).toContain("no other living node");
  await Promise.all([a.stop(), restored.stop()]);
});

test("a copied directory that runs beside its original is named by doctor and the log", async () => {
  const [a, b] = await Promise.all([
    meshNode("a", { directory: meshDirectory("a", at(ownAddress())) }),
    meshNode("b", { directory: meshDirectory("b", at(ownAddress())) }),
  ]);
  await enter(a, b);
  await connected(a, "b");
  await b.stop();
  const copied = join(folder(), "d");
  cpSync(b.directory, copied, { recursive: true });
  const address = ownAddress();
  configure(copied, "copy", at(address));
  const original = await meshNode("b", { directory: b.directory });
  await connected(original, "a");
  const copy = await meshNode("copy", { directory: copied });
  await connected(copy, "a");
  expect(
    await eventually(
      async () => (await original.run(["doctor"])).stdout.includes(`copy on /ip4/${address}`),
      25_000,
    ),
  ).toBe(true);
  expect((await done(original.run(["logs"]))).stdout).toContain("the same key");
  expect((await nodesOf(a)).length).toBe(2);
  await done(copy.run(["leave"]));
  await done(copy.run(["join", await invite(a)]));
  await connected(a, "copy");
  expect(await peerIdOf(copy)).not.toBe(await peerIdOf(original));
  await Promise.all([a.stop(), original.stop(), copy.stop()]);
}, 60_000);
