import { expect, test } from "bun:test";
import { simulatedClock, simulatedLog, simulatedRandom } from "../../src/kernel/simulated.ts";
import { keyOf, never, Party } from "../../tests/networking/party.ts";
import { AddressHints } from "./address-hints.ts";
import { createLibp2pTransport } from "./libp2p-transport.ts";
import { Peers } from "./peers.ts";
import type { Link } from "./transport.ts";

const [self = "", peer = ""] = [keyOf(1).peerId, keyOf(2).peerId].toSorted();

/** A transport on which nobody answers, or nobody within any time. */
function stage({ silent = false }: { readonly silent?: boolean } = {}) {
  const clock = simulatedClock();
  const dials: { readonly atMs: number; readonly addresses: readonly string[] }[] = [];
  const known = { addresses: ["signed"] as readonly string[] };
  const dial = (_: string, addresses: readonly string[], signal: AbortSignal): Promise<Link> => {
    dials.push({ atMs: clock.monotonicMs(), addresses });
    const { promise, reject } = Promise.withResolvers<Link>();
    if (silent) signal.addEventListener("abort", () => reject(new Error("given up")), { once: true });
    else reject(new Error("refused"));
    return promise;
  };
  const peers = new Peers({
    transport: { peerId: self, dial },
    clock,
    random: simulatedRandom(1),
    log: simulatedLog(),
    members: () => [peer],
    addresses: () => known.addresses,
    onChange: () => {},
  });
  peers.update();
  return { clock, peers, dials, known };
}

test("a hint ends the pause before the next attempt, which uses it", async () => {
  const { clock, peers, dials, known } = stage();
  await clock.advance(120_000);
  const before = dials.length;
  known.addresses = ["signed", "heard"];
  peers.hinted(peer, true);
  await clock.advance(0);
  expect(dials.slice(before)).toEqual([{ atMs: 120_000, addresses: ["signed", "heard"] }]);
});

test("a hint while an attempt runs begins it anew, and only once", async () => {
  const { clock, peers, dials, known } = stage({ silent: true });
  await clock.advance(1_000);
  known.addresses = ["signed", "heard"];
  for (let times = 0; times < 5; times++) {
    peers.hinted(peer, true);
    await clock.advance(100);
  }
  expect(dials).toEqual([
    { atMs: 0, addresses: ["signed"] },
    { atMs: 1_000, addresses: ["signed", "heard"] },
  ]);
});

test("a hint that says nothing new lets an attempt run", async () => {
  const { clock, peers, dials } = stage({ silent: true });
  await clock.advance(1_000);
  peers.hinted(peer, false);
  await clock.advance(1_000);
  expect(dials).toHaveLength(1);
});

test("hints that lead nowhere do not make the pauses shorter", async () => {
  const { clock, peers, dials } = stage();
  await clock.advance(120_000);
  const before = dials.length;
  for (let times = 0; times < 6; times++) {
    peers.hinted(peer, true);
    await clock.advance(10_000);
  }
  expect(dials.length - before).toBeLessThanOrEqual(7);
});

test("a hint of somebody who is no member does nothing", async () => {
  const { clock, peers, dials } = stage();
  await clock.advance(0);
  peers.hinted(keyOf(9).peerId, true);
  await clock.advance(0);
  expect(dials).toHaveLength(1);
});

/** Three nodes over libp2p: one that looks for a member, the member, and a liar with a key of its own. */
async function threeNodes() {
  const clock = simulatedClock();
  const log = simulatedLog();
  const make = (seed: number) =>
    Party.start(
      (key, options) =>
        createLibp2pTransport({ key, listen: ["/ip4/127.0.0.1/tcp/0"], log, clock, ...options }),
      seed,
      { keepaliveMs: 1e9 },
    );
  const [looking, member, liar] = [await make(1), await make(2), await make(3)];
  const hints = new AddressHints(clock);
  const peers = new Peers({
    transport: looking.transport,
    clock,
    random: simulatedRandom(1),
    log,
    members: () => [member.peerId],
    addresses: (peerId) => hints.beside(peerId, []),
    onChange: () => {},
  });
  const stop = async () => {
    peers.stop();
    await Promise.all([looking, member, liar].map(({ transport }) => transport.stop()));
  };
  return { member, liar, looking, hints, peers, stop };
}

test("a liar that names its own address as the member's gets no link in the member's name", async () => {
  const { member, liar, looking, hints, peers, stop } = await threeNodes();
  hints.add(member.peerId, liar.transport.addresses(), "127.0.0.1");
  const failure = await peers.link(member.peerId, never).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "unavailable" });
  expect([looking.transport.links().length, peers.state(member.peerId).link]).toEqual([0, undefined]);
  // And beside the truth it costs nothing but the attempt.
  hints.add(member.peerId, member.transport.addresses(), "127.0.0.1");
  const link = await peers.link(member.peerId, never);
  expect([link.peerId, link.remoteAddress]).toEqual([member.peerId, String(member.transport.addresses()[0])]);
  await stop();
});
