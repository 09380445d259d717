/** What time and the network do to a mesh: cuts, silence, partitions, new addresses, removals on the far side. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import type { OperoneError } from "../../src/kernel/error.ts";
import { SimulatedMesh } from "./simulated-mesh.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

let mesh: SimulatedMesh;
afterEach(() => mesh.stop());
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: OperoneError) => error,
  );
const value = async (node: string, to: string) => {
  const answer = await mesh.settled(mesh.node(node).call("sample.add", { a: 1, b: 2 }, to));
  return answer.gives === "value" ? answer.value : undefined;
};

test("a connection that is cut comes back by itself within seconds", async () => {
  mesh = await SimulatedMesh.start(["a", "b"]);
  const [a, b] = [mesh.node("a"), mesh.node("b")];
  mesh.network.cut(a.peerId, b.peerId);
  expect(mesh.linked("a", "b")).toBe(false);
  await mesh.until(() => mesh.linked("a", "b"), 3_000);
  expect(await value("a", "b")).toEqual({ sum: 3 });
  await mesh.until(() => a.events.filter((event) => event === "connected b").length > 0);
  expect(a.events).toContain("disconnected b");
});

test("silence is noticed on both sides, calls end with it, and both come together when it is over", async () => {
  mesh = await SimulatedMesh.start(["a", "b"]);
  const [a, b] = [mesh.node("a"), mesh.node("b")];
  const held = failure(a.call("gauge.hold", {}, "b"));
  await mesh.until(() => b.gauge.running() === 1);
  mesh.part(["a"], ["b"]);
  await mesh.until(() => a.mesh().peers.state(b.peerId).link === undefined, 20_000);
  expect((await mesh.settled(held))?.code).toBe("outcome_unknown");
  await mesh.until(() => b.gauge.running() === 0, 20_000);
  const refused = await mesh.settled(failure(a.call("gauge.count", {}, "b")));
  expect(refused?.code).toBe("unavailable");
  mesh.network.heal();
  await mesh.until(() => mesh.linked("a", "b"), 60_000);
  expect(await value("b", "a")).toEqual({ sum: 3 });
  expect(b.gauge.ran).toEqual(["x"]);
});

test("a node that comes back at another address is found, because it calls the others", async () => {
  mesh = await SimulatedMesh.start(["a", "b", "c"]);
  const before = mesh.node("b").mesh().transport.addresses();
  await mesh.halt("b");
  await mesh.until(() => mesh.node("a").mesh().peers.state(mesh.node("b").peerId).link === undefined);
  await mesh.revive("b");
  await mesh.until(() => mesh.linked("a", "b", "c"), 60_000);
  const { peerId } = mesh.node("b");
  const now = mesh.node("b").mesh().transport.addresses();
  expect(now).not.toEqual(before);
  await mesh.until(() => mesh.node("a").mesh().ledger.factsOf(peerId)?.addresses[0] === now[0]);
  await mesh.until(() => mesh.node("c").mesh().ledger.factsOf(peerId)?.addresses[0] === now[0]);
});

test("a removal acts where it is known, and elsewhere on contact with a node that knows", async () => {
  mesh = await SimulatedMesh.start(["a", "b", "c"]);
  const [a, b, c] = [mesh.node("a"), mesh.node("b"), mesh.node("c")];
  mesh.part(["a"], ["b", "c"]);
  await mesh.until(() => a.mesh().peers.state(b.peerId).link === undefined, 30_000);
  await a.mesh().ledger.issue(a.mesh().signer, { subject: c.peerId, role: "removed" });
  // b cannot know yet.
  expect(await value("c", "b")).toEqual({ sum: 3 });
  const held = failure(c.call("gauge.hold", {}, "b"));
  await mesh.until(() => b.gauge.running() === 1);
  mesh.network.heal();
  await mesh.until(() => b.mesh().ledger.roster.isRemoved(c.peerId), 60_000);
  await mesh.until(() => b.gauge.running() === 0, 1_000);
  expect(["forbidden", "outcome_unknown"]).toContain((await mesh.settled(held))?.code ?? "none");
  b.gauge.ran.length = 0;
  const after = await mesh.settled(failure(c.call("gauge.count", {}, "b")));
  expect(["forbidden", "unavailable"]).toContain(after?.code ?? "none");
  await mesh.until(() => b.mesh().peers.state(c.peerId).link === undefined);
  expect(b.gauge.ran).toEqual([]);
});

test("what a removed admin had given falls with it, for calls that run too", async () => {
  mesh = await SimulatedMesh.start(["a", "b", "c", "x"], { x: "observer" });
  const [a, b, c, x] = [mesh.node("a"), mesh.node("b"), mesh.node("c"), mesh.node("x")];
  mesh.part(["a"], ["b", "c", "x"]);
  await mesh.until(() => a.mesh().peers.state(b.peerId).link === undefined, 30_000);
  await c.mesh().ledger.issue(c.mesh().signer, { subject: x.peerId, role: "admin" });
  await mesh.until(() => b.mesh().ledger.roster.role(x.peerId) === "admin");
  const held = failure(x.call("gauge.hold", {}, "b"));
  await mesh.until(() => b.gauge.running() === 1);
  // a has never seen that entry, so its removal of c ends before it.
  await a.mesh().ledger.issue(a.mesh().signer, { subject: c.peerId, role: "removed" });
  mesh.network.heal();
  await mesh.until(() => b.mesh().ledger.roster.role(x.peerId) === "observer", 60_000);
  await mesh.until(() => b.gauge.running() === 0, 1_000);
  expect((await mesh.settled(held))?.code).toBe("forbidden");
});

test("an audit that becomes shorter shows on the others, by the name of its node", async () => {
  mesh = await SimulatedMesh.start(["a", "b"]);
  const [a, b] = [mesh.node("a"), mesh.node("b")];
  const facts = { name: "b", version: "1.0.0", os: "linux", cpu: "x64", addresses: [], labels: {} };
  for (const seq of [9, 12]) {
    await b.mesh().ledger.publish(b.mesh().signer, { ...facts, audit: { seq, hash: "a".repeat(64) } });
    await mesh.until(() => a.mesh().ledger.factsOf(b.peerId)?.audit?.seq === seq);
  }
  expect(a.mesh().news.shortenedAudits()).toEqual([]);
  await b.mesh().ledger.publish(b.mesh().signer, { ...facts, audit: { seq: 4, hash: "b".repeat(64) } });
  await mesh.until(() => a.mesh().ledger.factsOf(b.peerId)?.audit?.seq === 4);
  expect(a.mesh().news.shortenedAudits()).toEqual(["b"]);
});

test("calls over a slow network give the same, and a call that comes late is not run twice", async () => {
  mesh = await SimulatedMesh.start(["a", "b"]);
  mesh.network.delay(200);
  expect(await value("a", "b")).toEqual({ sum: 3 });
  const stop = new AbortController();
  const given = failure(mesh.node("a").call("gauge.hold", {}, "b", stop.signal));
  await mesh.until(() => mesh.node("b").gauge.running() === 1);
  stop.abort();
  expect((await mesh.settled(given))?.code).toBe("cancelled");
  await mesh.until(() => mesh.node("b").gauge.running() === 0, 2_000);
  expect(mesh.node("b").gauge.ran).toEqual(["x"]);
});
