/** The recovery phrase of a new mesh reaches somebody, or the mesh is made anew; and a mesh is left for good. */
import { afterEach, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { MembershipStore } from "../../modules/networking/membership-store.ts";
import { MemoryNetwork } from "../../modules/networking/memory-transport.ts";
import type { MakeTransport } from "../../modules/networking/open.ts";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { type MeshNode, removeMeshNodes, startMeshNode } from "./mesh-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);
afterEach(removeMeshNodes);

const network = new MemoryNetwork({ clock: systemClock(), log: simulatedLog() });
const transports: MakeTransport = () => async (key, options) => network.transport(key, options);
const start = (directory?: string) =>
  startMeshNode({ name: "attic", transports, ...(directory === undefined ? {} : { directory }) });
const invite = async (node: MeshNode, more: object = {}) =>
  (await node.given("networking.invite", { qr: false, ...more })) as {
    code: string;
    recoveryPhrase?: string;
  };

test("an invite that is refused makes no mesh, so the next one shows the phrase", async () => {
  const node = await start();
  for (const expiresIn of ["48h", "never"])
    expect((await node.refused("networking.invite", { expiresIn, qr: false })).code).toBe("invalid_input");
  expect(await node.given("networking.mesh")).toMatchObject({ state: "none" });
  expect((await invite(node)).recoveryPhrase?.split(" ")).toHaveLength(24);
});

test("a phrase for which nobody waited any more is lost, and the mesh is made anew with another one", async () => {
  const node = await start();
  const left = await node.networking.invite({ role: "operator" }, AbortSignal.abort());
  const { meshId } = node.mesh();
  const { recoveryPhrase } = await invite(node);
  expect(recoveryPhrase?.split(" ")).toHaveLength(24);
  expect(recoveryPhrase).not.toBe(left.recoveryPhrase);
  expect(node.mesh().meshId).not.toBe(meshId);
});

test("a node that was killed before the answer went out shows a phrase again, and one that stopped after it does not", async () => {
  const node = await start();
  await invite(node);
  expect((await invite(node)).recoveryPhrase).toBeUndefined();
  await node.stop();
  const again = await start(node.directory);
  const { meshId } = again.mesh();
  expect((await invite(again)).recoveryPhrase).toBeUndefined();
  expect(again.mesh().meshId).toBe(meshId);

  const killed = await start();
  // What a kill leaves out: the word that the answer has gone out.
  const confirm = spyOn(MembershipStore.prototype, "confirmPhrase").mockImplementation(() => {});
  const first = await invite(killed);
  await killed.stop();
  confirm.mockRestore();
  const risen = await start(killed.directory);
  const { recoveryPhrase } = await invite(risen);
  expect(recoveryPhrase?.split(" ")).toHaveLength(24);
  expect(recoveryPhrase).not.toBe(first.recoveryPhrase);
});

test("what others may be here is no word about the phrase", async () => {
  const node = await start();
  await node.networking.invite({ role: "operator" }, AbortSignal.abort());
  await node.given("networking.allow", { role: "operator" });
  expect((await invite(node)).recoveryPhrase?.split(" ")).toHaveLength(24);
});

test("a node that is killed while it leaves has no key of that mesh any more, and leaves again", async () => {
  const node = await start();
  await invite(node);
  const { peerId } = node.mesh();
  const forget = spyOn(MembershipStore.prototype, "forget").mockImplementation(() => {
    throw new Error("killed");
  });
  expect(await node.given("networking.leave").catch((error) => error.code)).toBe("internal");
  forget.mockRestore();
  expect(existsSync(join(node.directory, "node.key"))).toBe(false);
  await node.stop();
  const again = await start(node.directory);
  expect(again.mesh().peerId).not.toBe(peerId);
  await again.given("networking.leave");
  expect(await again.given("networking.mesh")).toMatchObject({ state: "none" });
});
