/** What the recovery phrase mends, by the operation that people use. Over a network in memory. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { hearingMsMax } from "../../modules/networking/first-hearing.ts";
import { MemoryNetwork } from "../../modules/networking/memory-transport.ts";
import type { MakeTransport } from "../../modules/networking/open.ts";
import type { RosterEntry } from "../../modules/networking/roster-entry.ts";
import { RosterLedger } from "../../modules/networking/roster-ledger.ts";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { MemoryStore } from "./memory-store.ts";
import {
  connected,
  joinMesh,
  type MeshNode,
  type MeshNodeOptions,
  refusalOf,
  removeMeshNodes,
  startMeshNode,
  until,
} from "./mesh-node.ts";
import { keyOf } from "./party.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);
afterEach(removeMeshNodes);

function memory() {
  const network = new MemoryNetwork({ clock: systemClock(), log: simulatedLog() });
  const transports: MakeTransport = () => async (key, options) => network.transport(key, options);
  const start = (name: string, options: Partial<MeshNodeOptions> = {}) =>
    startMeshNode({ name, transports, ...options });
  return { network, start };
}

const invite = async (node: MeshNode) =>
  (await node.given("networking.invite", { qr: false })) as { readonly recoveryPhrase?: string };

/** With the words on stdin. */
const recover = (node: MeshNode, phrase: string) =>
  node.given(
    "networking.recover",
    {},
    {
      bytes: (async function* () {
        yield new TextEncoder().encode(phrase);
      })(),
    },
  );

test("the recovery phrase makes an admin before all others, and no other phrase does", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  const { recoveryPhrase = "" } = await invite(a);
  await joinMesh(a, b, { role: "operator" });
  await connected(a, b);
  expect((await refusalOf(recover(b, "no such phrase"))).code).toBe("invalid_input");
  expect((await refusalOf(recover(b, "x".repeat(3_000)))).code).toBe("too_large");
  const { peerId } = b.mesh();
  await recover(b, recoveryPhrase);
  expect(b.mesh().peerId).toBe(peerId);
  expect(await b.given("networking.mesh")).toMatchObject({ role: "admin" });
  await until(() => a.mesh().ledger.roster.role(peerId) === "admin");
  expect((await a.refused("networking.remove", { peer: peerId })).message).toContain("operone recover");
  await b.given("networking.remove", { peer: a.mesh().peerId });
  expect(b.mesh().ledger.roster.admins()).toEqual([peerId]);
});

test("the recovery phrase makes an admin of a node whose key was removed, with a new key", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  const { recoveryPhrase = "" } = await invite(a);
  await joinMesh(a, b, { role: "operator" });
  await connected(a, b);
  const { peerId } = b.mesh();
  await a.given("networking.remove", { peer: peerId });
  await until(() => b.mesh().ledger.roster.isRemoved(peerId));
  expect(await b.given("networking.mesh")).toMatchObject({ state: "removed" });
  await recover(b, recoveryPhrase);
  expect(b.mesh().peerId).not.toBe(peerId);
  expect(await b.given("networking.mesh")).toMatchObject({ state: "member", role: "admin" });
  // Nobody knows its new key, so whoever is to be with it enters its mesh anew.
  await a.given("networking.leave");
  await joinMesh(b, a);
  await connected(a, b);
});

test("two who use the recovery phrase apart are both admins afterwards, and the phrase works on", async () => {
  const { network, start } = memory();
  const [a, b, c] = await Promise.all([start("attic"), start("barn"), start("cellar")]);
  const { recoveryPhrase = "" } = await invite(a);
  await joinMesh(a, b, { role: "operator" });
  await joinMesh(a, c, { role: "operator" });
  await connected(a, b, c);
  const [idB, idC] = [b.mesh().peerId, c.mesh().peerId];
  const idA = a.mesh().peerId;
  await a.stop();
  network.part([idB], [idC]);
  await Promise.all([recover(b, recoveryPhrase), recover(c, recoveryPhrase)]);
  network.heal();
  const admins = [idA, idB, idC].toSorted();
  await until(() => [b, c].every((node) => String(node.mesh().ledger.roster.admins()) === String(admins)));
  await recover(b, recoveryPhrase);
  await b.given("networking.role", { peer: idC, role: "operator" });
  await until(() => c.mesh().ledger.roster.role(idC) === "operator");
});

/** What a node says that was restored from an older copy. */
async function saidByCopy(node: MeshNode, backup: readonly RosterEntry[], subjects: readonly string[]) {
  const { meshId, signer } = node.mesh();
  const store = new MemoryStore();
  store.putEntries(backup);
  const restored = new RosterLedger({ mesh: meshId, store, clock: systemClock() });
  const said: RosterEntry[] = [];
  for (const subject of subjects) said.push(await restored.issue(signer, { subject, role: "observer" }));
  return said.map(({ envelope }) => envelope);
}

test("the recovery phrase mends what a copy of the only admin broke, and keeps whom it let in", async () => {
  const { start } = memory();
  const [a, b, c, d] = await Promise.all(["attic", "barn", "cellar", "den"].map((name) => start(name)));
  if (!a || !b || !c || !d) throw new Error("Four were started");
  const { recoveryPhrase = "" } = await invite(a);
  const backup = [...a.mesh().ledger.roster.index.all()];
  await joinMesh(a, b, { role: "operator" });
  await joinMesh(a, c, { role: "operator" });
  const { peerId, ledger } = a.mesh();
  await ledger.acceptEntries(await saidByCopy(a, backup, [keyOf(9).peerId]), "a copy");
  expect(ledger.roster.members()).toEqual([{ peerId, role: "admin" }]);
  await recover(a, recoveryPhrase);
  expect(a.mesh().peerId).toBe(peerId);
  expect([b, c].map((node) => ledger.roster.role(node.mesh().peerId))).toEqual(["operator", "operator"]);
  await joinMesh(a, d, { role: "operator" });
  await connected(a, d);
});

test("a node that misses some of its own entries recovers with a new key, which the others take in", async () => {
  const { start } = memory();
  const [a, b, c] = await Promise.all([start("attic"), start("barn"), start("cellar")]);
  const { recoveryPhrase = "" } = await invite(a);
  await joinMesh(a, b, { role: "operator" });
  await connected(a, b);
  const { peerId, ledger } = a.mesh();
  const keys = [7, 8].map((seed) => keyOf(seed).peerId);
  const [, later] = await saidByCopy(a, [...ledger.roster.index.all()], keys);
  await ledger.acceptEntries(later === undefined ? [] : [later], "a copy");
  expect((await a.refused("networking.remove", { peer: b.mesh().peerId })).code).toBe("conflict");
  await recover(a, recoveryPhrase);
  expect(a.mesh().peerId).not.toBe(peerId);
  await connected(a, b);
  await joinMesh(a, c, { role: "operator" });
  await connected(a, b, c);
});

test("a node that starts again says nothing of others before it has heard one of them", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  const { recoveryPhrase = "" } = await invite(a);
  await joinMesh(a, b, { role: "operator" });
  await connected(a, b);
  const idB = b.mesh().peerId;
  await Promise.all([a.stop(), b.stop()]);
  const system = systemClock();
  const after: typeof system.after = (ms, run) => system.after(ms === hearingMsMax ? 1 : ms, run);
  const again = await start("attic", { directory: a.directory, clock: { ...system, after } });
  const [refused] = await Promise.all([again.refused("networking.role", { peer: idB, role: "observer" })]);
  expect(refused).toMatchObject({ code: "unavailable" });
  await recover(again, recoveryPhrase);
  await again.given("networking.role", { peer: idB, role: "observer" });
});
