import { afterEach, expect, test } from "bun:test";
import { OperoneError } from "../../src/kernel/error.ts";
import { type SimulatedClock, simulatedClock } from "../../src/kernel/simulated.ts";
import { MemoryStore } from "../../tests/networking/memory-store.ts";
import { meshKey, RosterNode, signerOf, viewOf } from "../../tests/networking/roster-node.ts";
import { signEntry } from "./roster-entry.ts";
import { rosterLimits } from "./roster-limits.ts";

const nodes: RosterNode[] = [];
afterEach(() => {
  for (const node of nodes.splice(0)) node.sync.stop();
});

async function nodeOf(number: number, clock: SimulatedClock, store = new MemoryStore()): Promise<RosterNode> {
  const node = new RosterNode(await signerOf(number), clock, store);
  nodes.push(node);
  return node;
}

const ownFacts = { name: "pi", version: "1", os: "linux", cpu: "arm64", addresses: [], labels: {} };

/** A founded mesh of an admin, and two nodes that it made members; only the admin knows of that. */
async function threeNodes() {
  const clock = simulatedClock();
  const [a, b, c] = [await nodeOf(1, clock), await nodeOf(2, clock), await nodeOf(3, clock)];
  await a.ledger.issue(meshKey, { subject: a.peerId, role: "admin" });
  await a.ledger.issue(a.signer, { subject: b.peerId, role: "admin" });
  await a.ledger.issue(a.signer, { subject: c.peerId, role: "operator" });
  return { clock, a, b, c };
}

test("a new member knows everything once the first exchange is settled", async () => {
  const { a, b, clock } = await threeNodes();
  await a.ledger.publish(a.signer, ownFacts);
  const { out, in: back } = b.connect(a);
  await b.sync.settled(out);
  expect(viewOf(b)).toEqual(viewOf(a));
  expect(b.ledger.factsOf(a.peerId)?.name).toBe("pi");
  await a.sync.settled(back);
  await clock.advance(0);
  expect(out.closed.aborted).toBe(false);
});

test("a new entry reaches nodes that are not linked to its issuer, at once", async () => {
  const { a, b, c, clock } = await threeNodes();
  await b.sync.settled(b.connect(a).out);
  await c.sync.settled(c.connect(b).out);
  const { peerId } = await signerOf(9);
  await a.ledger.issue(a.signer, { subject: peerId, role: "observer" });
  await a.ledger.publish(a.signer, ownFacts);
  await clock.advance(0);
  expect(c.roster.role(peerId)).toBe("observer");
  expect(c.ledger.factsOf(a.peerId)?.name).toBe("pi");
  expect(viewOf(c)).toEqual(viewOf(a));
});

test("what was lost is found by the next comparison, 30 seconds later", async () => {
  const { a, b, clock } = await threeNodes();
  const full = new MemoryStore();
  const late = await nodeOf(3, clock, full);
  await b.sync.settled(b.connect(a).out);
  await late.sync.settled(late.connect(a).out);
  full.fail = new OperoneError("unavailable", "The disk is full");
  await a.ledger.issue(a.signer, { subject: (await signerOf(9)).peerId, role: "observer" });
  await clock.advance(0);
  expect(late.roster.members().length).toBe(3);
  expect(late.log.entries.map(({ level, message }) => [level, message])).toEqual([
    ["error", "What a peer told of the roster could not be stored"],
  ]);
  full.fail = undefined;
  await clock.advance(29_000);
  expect(late.roster.members().length).toBe(3);
  await clock.advance(2_000);
  expect(viewOf(late)).toEqual(viewOf(a));
});

test("two nodes that know different ends of a fork both learn of both", async () => {
  const { a, b, clock } = await threeNodes();
  const twin = await nodeOf(1, clock);
  await twin.ledger.acceptEntries(
    [...a.roster.index.all()].map(({ envelope }) => envelope),
    undefined,
  );
  const [x, y] = [await signerOf(8), await signerOf(9)];
  await a.ledger.issue(a.signer, { subject: x.peerId, role: "observer" });
  await a.ledger.issue(a.signer, { subject: x.peerId, role: "operator" });
  await twin.ledger.issue(a.signer, { subject: y.peerId, role: "operator" });
  expect(twin.roster.role(y.peerId)).toBe("operator");
  await b.ledger.acceptEntries(
    [...twin.roster.index.all()].map(({ envelope }) => envelope),
    undefined,
  );
  await b.sync.settled(b.connect(a).out);
  await clock.advance(0);
  expect(viewOf(b)).toEqual(viewOf(a));
  expect([b.roster.role(x.peerId), b.roster.role(y.peerId)]).toEqual([undefined, undefined]);
});

test("equally long ends of a fork are exchanged too", async () => {
  const { a, b, clock } = await threeNodes();
  await b.ledger.acceptEntries(
    [...a.roster.index.all()].map(({ envelope }) => envelope),
    undefined,
  );
  const payload = a.roster.next({ issuer: a.peerId, subject: (await signerOf(9)).peerId, role: "observer" });
  await b.ledger.acceptEntries([(await signEntry(payload, a.signer)).envelope], undefined);
  await a.ledger.issue(a.signer, { subject: (await signerOf(8)).peerId, role: "observer" });
  a.connect(b);
  await clock.advance(0);
  expect(a.roster.index.size).toBe(5);
  expect(viewOf(b)).toEqual(viewOf(a));
});

test("a member that is removed hears of it, then loses its links everywhere, and what it said of itself", async () => {
  const { a, b, c, clock } = await threeNodes();
  const toA = b.connect(a);
  await b.sync.settled(toA.out);
  const toB = c.connect(b);
  await c.sync.settled(toB.out);
  await c.ledger.publish(c.signer, ownFacts);
  await clock.advance(0);
  expect(a.ledger.factsOf(c.peerId)?.name).toBe("pi");
  await a.ledger.issue(a.signer, { subject: c.peerId, role: "removed" });
  await clock.advance(0);
  expect([c.ledger.roster.isRemoved(c.peerId), b.sync.isTakingLeave(c.peerId)]).toEqual([true, true]);
  await a.ledger.issue(a.signer, { subject: (await signerOf(8)).peerId, role: "observer" });
  await clock.advance(rosterLimits.leaveMsMax);
  expect([toB.in.closed.aborted, toA.in.closed.aborted]).toEqual([true, false]);
  expect([c.ledger.roster.index.size, b.ledger.roster.index.size]).toEqual([4, 5]);
  expect(b.outsiders).toEqual([c.peerId]);
  expect([a.ledger.factsOf(c.peerId), b.ledger.factsOf(c.peerId)]).toEqual([undefined, undefined]);
});

test("a peer that no roster names is closed once the exchange has shown it", async () => {
  const { a, clock } = await threeNodes();
  const stranger = await nodeOf(7, clock);
  const link = stranger.connect(a);
  await clock.advance(0);
  expect([link.out.closed.aborted, a.outsiders]).toEqual([true, [stranger.peerId]]);
});

test("settled says why it will never be", async () => {
  const { a, b, clock } = await threeNodes();
  const { out } = b.connect(a);
  const settled = b.sync.settled(out);
  out.close();
  await expect(settled).rejects.toThrow(/ended before the rosters were compared/);
  await expect(b.sync.settled(out)).rejects.toThrow(/ended before/);
  await clock.advance(0);
});

test("stopping ends the conversations and leaves no timer", async () => {
  const { a, b, clock } = await threeNodes();
  const { out } = b.connect(a);
  await b.sync.settled(out);
  await clock.advance(0);
  a.sync.stop();
  b.sync.stop();
  await clock.advance(0);
  expect(clock.timers).toBe(0);
});

test("a large roster is exchanged in many frames, both ways", async () => {
  const { a, b, clock } = await threeNodes();
  await b.sync.settled(b.connect(a).out);
  for (const node of nodes) node.sync.stop();
  const [one, two] = [await nodeOf(1, clock, copied(a)), await nodeOf(2, clock, copied(b))];
  for (let at = 0; at < 150; at++) {
    const subject = (await signerOf(100 + (at % 20))).peerId;
    await one.ledger.issue(one.signer, { subject, role: at % 2 === 0 ? "observer" : "operator" });
    await two.ledger.issue(two.signer, { subject, role: at % 2 === 0 ? "operator" : "observer" });
  }
  const { out } = two.connect(one);
  await clock.advance(0);
  await two.sync.settled(out);
  expect(viewOf(one)).toEqual(viewOf(two));
  expect(one.roster.index.size).toBe(303);
});

function copied(node: RosterNode): MemoryStore {
  const store = new MemoryStore();
  store.putEntries([...node.roster.index.all()]);
  return store;
}
