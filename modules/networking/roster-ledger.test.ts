import { expect, test } from "bun:test";
import { OperoneError } from "../../src/kernel/error.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { MemoryStore } from "../../tests/networking/memory-store.ts";
import { meshKey, RosterNode, signerOf, viewOf } from "../../tests/networking/roster-node.ts";

const [a, b, c] = [await signerOf(1), await signerOf(2), await signerOf(3)];
const own = { name: "pi", version: "1", os: "linux", cpu: "x64", addresses: [], labels: {} };

async function founded(store = new MemoryStore()) {
  const node = new RosterNode(a, simulatedClock(), store);
  await node.ledger.issue(meshKey, { subject: a.peerId, role: "admin" });
  return { node, store, ledger: node.ledger };
}

test("a node that starts again knows what it knew", async () => {
  const { node, store, ledger } = await founded();
  await ledger.issue(a, { subject: b.peerId, role: "operator" });
  await ledger.publish(a, own);
  expect(viewOf(new RosterNode(a, simulatedClock(), store))).toEqual(viewOf(node));
});

test("an entry is on the disk before anybody hears of it", async () => {
  const { store, ledger } = await founded();
  const stored: number[] = [];
  ledger.onChange(({ entries, facts }) => {
    const mesh = meshKey.peerId;
    stored.push(
      entries.length > 0 ? store.entries(mesh).length : 10 * facts.length * store.facts(mesh).length,
    );
  });
  await ledger.issue(a, { subject: b.peerId, role: "operator" });
  await ledger.publish(a, own);
  expect(stored).toEqual([2, 10]);
});

test("an entry that cannot be stored is told to nobody, and its sequence is free", async () => {
  const { store, ledger, node } = await founded();
  const told: unknown[] = [];
  ledger.onChange((change) => told.push(change));
  store.fail = new OperoneError("unavailable", "The disk is full");
  await expect(ledger.issue(a, { subject: b.peerId, role: "operator" })).rejects.toThrow("The disk is full");
  await expect(ledger.publish(a, own)).rejects.toThrow("The disk is full");
  expect([told, node.roster.role(b.peerId), ledger.factsOf(a.peerId)]).toEqual([[], undefined, undefined]);
  store.fail = undefined;
  expect((await ledger.issue(a, { subject: c.peerId, role: "operator" })).sequence).toBe(1);
});

test("entries that are issued at once get one sequence each", async () => {
  const { ledger } = await founded();
  const roles = ["observer", "operator", "observer", "operator"] as const;
  const entries = await Promise.all(roles.map((role) => ledger.issue(a, { subject: b.peerId, role })));
  expect(entries.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  expect(ledger.roster.chain(a.peerId).length).toBe(4);
});

test("a refusal does not stop the next entry", async () => {
  const { ledger } = await founded();
  await expect(ledger.issue(b, { subject: c.peerId, role: "operator" })).rejects.toThrow(/Only an admin/);
  expect((await ledger.issue(a, { subject: b.peerId, role: "operator" })).sequence).toBe(1);
});

test("facts have rising sequences, also when the clock goes back", async () => {
  const store = new MemoryStore();
  await founded(store);
  const early = new RosterNode(a, simulatedClock(5_000), store);
  const sequences = [await early.ledger.publish(a, own), await early.ledger.publish(a, own)];
  const back = new RosterNode(a, simulatedClock(1_000), store);
  sequences.push(await back.ledger.publish(a, own));
  expect(sequences.map(({ sequence }) => sequence)).toEqual([5_000, 5_001, 5_002]);
});

test("a node that is no member publishes nothing", async () => {
  const { ledger } = await founded();
  await expect(ledger.publish(b, own)).rejects.toThrow(/is no member of the mesh/);
});

test("older facts do not replace newer ones", async () => {
  const { ledger } = await founded();
  const first = await ledger.publish(a, own);
  const second = await ledger.publish(a, { ...own, name: "new" });
  const { verifiedCount } = await ledger.acceptFacts([first.envelope, second.envelope], "peer");
  expect([verifiedCount, ledger.factsOf(a.peerId)?.name]).toEqual([0, "new"]);
});

test("what is known already is not verified again", async () => {
  const { ledger } = await founded();
  const envelopes = [...ledger.roster.index.all()].map(({ envelope }) => envelope);
  expect(await ledger.acceptEntries(envelopes, "peer")).toEqual({ verifiedCount: 0, uselessCount: 0 });
});

test("a listener that has gone hears nothing", async () => {
  const { ledger } = await founded();
  let heard = 0;
  const forget = ledger.onChange(() => heard++);
  forget();
  await ledger.issue(a, { subject: b.peerId, role: "operator" });
  expect(heard).toBe(0);
});
