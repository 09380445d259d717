import { expect, test } from "bun:test";
import { OperoneError } from "../../src/kernel/error.ts";
import {
  type SimulatedClock,
  simulatedClock,
  simulatedLog,
  simulatedRandom,
} from "../../src/kernel/simulated.ts";
import { memoryChannels } from "../../src/surface/mesh-channel.ts";
import { Peers } from "./peers.ts";
import { answerPings } from "./ping.ts";
import type { Link } from "./transport.ts";

const never = new AbortController().signal;

interface FakeLink extends Link {
  /** From now on nothing comes back. */
  silence(): void;
}

function fakeLink(peerId: string, clock: SimulatedClock): FakeLink {
  const closed = new AbortController();
  let silent = false;
  return {
    peerId,
    remoteAddress: "/memory",
    direction: "out",
    encryption: "tls",
    openedAtMs: 0,
    closed: closed.signal,
    async openChannel() {
      const [near, far] = memoryChannels();
      if (!silent) void answerPings(far, clock);
      return near;
    },
    close: () => closed.abort(),
    silence() {
      silent = true;
      this.openChannel = async () => memoryChannels()[0];
    },
  };
}

/** This node is "m"; "a" is before it and "z" after it, so it lets "a" dial first. */
function setUp(first: readonly string[] = ["z"]) {
  const clock = simulatedClock();
  const log = simulatedLog();
  let members = first;
  const dials: { readonly peerId: string; readonly atMs: number }[] = [];
  const changes: string[] = [];
  const answers = new Map<string, () => Promise<Link>>();
  const refuse = () => Promise.reject(new OperoneError("unavailable", "connection refused"));
  const peers = new Peers({
    clock,
    log,
    // Always the same chance, so that pauses can be told.
    random: { bytes: () => new Uint8Array(8) },
    members: () => members,
    addresses: (peerId) => (peerId === "unknown" ? [] : [`/ip4/10.0.0.1/tcp/${peerId.charCodeAt(0)}`]),
    onChange: (peerId, connected) => void changes.push(`${peerId} ${connected ? "up" : "down"}`),
    transport: {
      peerId: "m",
      dial: (peerId, _addresses, signal) => {
        dials.push({ peerId, atMs: clock.monotonicMs() });
        const aborted = Promise.withResolvers<never>();
        signal.addEventListener("abort", () => aborted.reject(signal.reason), { once: true });
        return Promise.race([(answers.get(peerId) ?? refuse)(), aborted.promise]);
      },
    },
  });
  const linkTo = (peerId: string) => fakeLink(peerId, clock);
  const pauses = (peerId: string) => {
    const times = dials.filter((dial) => dial.peerId === peerId).map(({ atMs }) => atMs);
    return times.map((atMs, at) => atMs - (times[at - 1] ?? 0));
  };
  return {
    clock,
    log,
    peers,
    dials,
    changes,
    answers,
    linkTo,
    pauses,
    setMembers(next: readonly string[]) {
      members = next;
      peers.update();
    },
  };
}

test("a member is dialled at once, and again with a pause that doubles up to half a minute", async () => {
  const { clock, peers, pauses } = setUp();
  peers.update();
  for (let second = 0; second < 200; second++) await clock.advance(1_000);
  expect(pauses("z").slice(0, 9)).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect(peers.state("z").failure?.reason).toContain("connection refused");
  peers.stop();
});

test("of two nodes the one with the higher id waits a little, so that one link is made", async () => {
  const { clock, peers, dials } = setUp(["a"]);
  peers.update();
  await clock.advance(1_499);
  expect(dials).toEqual([]);
  await clock.advance(1);
  expect(dials.map(({ peerId }) => peerId)).toEqual(["a"]);
  peers.stop();
});

test("a link that came by itself ends the attempts, and its loss begins them anew", async () => {
  const { clock, peers, dials, changes, linkTo } = setUp(["a"]);
  peers.update();
  const link = linkTo("a");
  peers.linked(link);
  await clock.advance(3_000);
  expect([dials, changes]).toEqual([[], ["a up"]]);
  expect(peers.state("a")).toMatchObject({ link, failure: undefined, roundTripMs: expect.any(Number) });
  expect(await peers.link("a", never)).toBe(link);
  link.close();
  expect(changes).toEqual(["a up", "a down"]);
  expect(peers.state("a")).toMatchObject({ link: undefined, roundTripMs: undefined });
  await clock.advance(499);
  expect(dials).toEqual([]);
  await clock.advance(1);
  expect(dials.length).toBe(1);
  peers.stop();
});

test("of two links the peer is gone when the last one is, and one that is over already is none", async () => {
  const { peers, changes, linkTo } = setUp();
  const [one, two, over] = [linkTo("z"), linkTo("z"), linkTo("z")];
  over.close();
  peers.linked(over);
  expect(changes).toEqual([]);
  peers.linked(one);
  peers.linked(two);
  one.close();
  expect(changes).toEqual(["z up"]);
  two.close();
  expect(changes).toEqual(["z up", "z down"]);
  peers.stop();
});

test("a link over which nothing comes back is closed, and dialled anew", async () => {
  const { clock, peers, dials, log, linkTo, answers } = setUp();
  const link = linkTo("z");
  peers.linked(link);
  await clock.advance(100);
  expect(link.closed.aborted).toBe(false);
  const mute = linkTo("z");
  mute.silence();
  peers.linked(mute);
  await clock.advance(3_999);
  expect(mute.closed.aborted).toBe(false);
  await clock.advance(1);
  expect(mute.closed.aborted).toBe(true);
  expect(link.closed.aborted).toBe(false);
  expect(log.entries.at(-1)?.message).toContain("went silent");
  answers.set("z", async () => linkTo("z"));
  link.close();
  await clock.advance(500);
  expect(dials.length).toBe(1);
  peers.stop();
});

test("a link whose peer answers no pings stays: that says that it is there", async () => {
  const { clock, peers, linkTo } = setUp();
  const link = {
    ...linkTo("z"),
    openChannel: () => Promise.reject(new OperoneError("unavailable", "no such")),
  };
  peers.linked(link);
  await clock.advance(20_000);
  expect(link.closed.aborted).toBe(false);
  expect((await peers.ping("z", never).catch((error) => error)).code).toBe("unavailable");
  peers.stop();
});

test("whoever waits for a link shares the attempt, and can give up alone", async () => {
  const { clock, peers, dials, answers, linkTo } = setUp();
  const found = Promise.withResolvers<Link>();
  answers.set("z", () => found.promise);
  const stop = new AbortController();
  const [one, two] = [peers.link("z", stop.signal).catch((error) => error), peers.link("z", never)];
  stop.abort();
  expect((await one).code).toBe("cancelled");
  expect((await peers.link("z", stop.signal).catch((error) => error)).code).toBe("cancelled");
  const link = linkTo("z");
  found.resolve(link);
  expect(await two).toBe(link);
  expect(dials.length).toBe(1);
  await clock.advance(0);
  peers.stop();
});

test("a node that cannot be reached is named with the reason", async () => {
  const { peers, clock, answers } = setUp(["z", "unknown"]);
  const refused = await peers.link("z", never).catch((error) => error);
  expect([refused.code, refused.message]).toEqual([
    "unavailable",
    expect.stringContaining("The node z cannot be reached: connection refused"),
  ]);
  const unknown = await peers.link("unknown", never).catch((error) => error);
  expect(unknown.message).toContain("has not told any address");
  answers.set("z", () => Promise.reject(new OperoneError("forbidden", "it does not know this node")));
  expect((await peers.link("z", never).catch((error) => error)).code).toBe("forbidden");
  answers.set("z", () => new Promise(() => {}));
  const late = peers.link("z", never).catch((error) => error);
  await clock.advance(10_000);
  expect((await late).message).toContain("nothing answered within 10 s");
  peers.stop();
});

test("an attempt that fails while the peer comes by itself gives that link", async () => {
  const { peers, answers, linkTo } = setUp();
  const failing = Promise.withResolvers<Link>();
  answers.set("z", () => failing.promise);
  const waiting = peers.link("z", never);
  const link = linkTo("z");
  peers.linked(link);
  failing.reject(new Error("reset"));
  expect(await waiting).toBe(link);
  peers.stop();
});

test("new addresses of this machine end the pauses, and question the links that there are", async () => {
  const { clock, peers, dials, linkTo, setMembers } = setUp();
  peers.update();
  for (let second = 0; second < 40; second++) await clock.advance(1_000);
  const before = dials.length;
  peers.retryNow();
  await clock.advance(0);
  expect(dials.length).toBe(before + 1);
  setMembers(["z", "y"]);
  const link = linkTo("y");
  link.silence();
  await clock.advance(3_000);
  peers.linked(link);
  peers.retryNow();
  await clock.advance(4_000);
  expect(link.closed.aborted).toBe(true);
  peers.stop();
});

test("a removed member is not dialled any more, and nothing is after the end", async () => {
  const { clock, peers, dials, setMembers } = setUp(["z", "y"]);
  peers.update();
  await clock.advance(0);
  setMembers(["y"]);
  dials.length = 0;
  await clock.advance(60_000);
  expect(new Set(dials.map(({ peerId }) => peerId))).toEqual(new Set(["y"]));
  const waiting = peers.link("y", never).catch((error) => error);
  peers.stop();
  expect((await waiting).code).toBe("unavailable");
  dials.length = 0;
  await clock.advance(60_000);
  expect([dials, clock.timers]).toEqual([[], 0]);
});

test("a big mesh keeps links to some, and reaches the others when it must", async () => {
  const many = Array.from({ length: 40 }, (_, at) => `peer${String(at).padStart(2, "0")}`);
  const { clock, peers, dials } = setUp(many);
  peers.update();
  await clock.advance(2_000);
  const dialled = new Set(dials.map(({ peerId }) => peerId));
  expect(dialled.size).toBeGreaterThan(2);
  expect(dialled.size).toBeLessThan(12);
  const other = many.find((peerId) => !dialled.has(peerId)) ?? expect.unreachable();
  await peers.link(other, never).catch(() => {});
  expect(dials.some(({ peerId }) => peerId === other)).toBe(true);
  peers.stop();
});

test("chance lengthens a pause by up to a half, so that nodes that fell together do not rise together", async () => {
  const clock = simulatedClock();
  const times: number[] = [];
  const peers = new Peers({
    clock,
    log: simulatedLog(),
    random: simulatedRandom(7),
    members: () => ["z"],
    addresses: () => ["/ip4/10.0.0.1/tcp/1"],
    onChange: () => {},
    transport: {
      peerId: "m",
      dial: async () => {
        times.push(clock.monotonicMs());
        throw new OperoneError("unavailable", "no");
      },
    },
  });
  peers.update();
  for (let second = 0; second < 400; second++) await clock.advance(500);
  const pauses = times.map((atMs, at) => atMs - (times[at - 1] ?? 0)).slice(7);
  for (const pauseMs of pauses) expect(pauseMs >= 30_000 && pauseMs <= 45_000).toBe(true);
  expect(new Set(pauses).size).toBeGreaterThan(1);
  peers.stop();
});
