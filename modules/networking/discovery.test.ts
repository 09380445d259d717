import { expect, test } from "bun:test";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { LocalNetwork, localNode } from "../../tests/networking/local-network.ts";
import { keyOf, never } from "../../tests/networking/party.ts";
import { hintLimits } from "./address-hints.ts";
import { heardLimits } from "./heard-rate.ts";
import { announcement, messageIn, question } from "./local-message.ts";

const [a, b, stranger] = [keyOf(1).peerId, keyOf(2).peerId, keyOf(3).peerId];
const at = (host: number, port = 6738) => `/ip4/10.0.0.${host}/tcp/${port}`;
const loopback = "/ip4/127.0.0.1/tcp/6738";

function stage(awayOfA: readonly string[] = [b]) {
  const clock = simulatedClock();
  const network = new LocalNetwork();
  const first = localNode(network, clock, { peerId: a, addresses: [at(1), loopback], away: awayOfA });
  return { clock, network, first };
}

const kinds = (network: LocalNetwork) => network.said.map(({ packet }) => messageIn(packet)?.kind);

test("two members that are away from each other hear where the other is, whoever comes first", async () => {
  const { clock, network, first } = stage();
  const second = localNode(network, clock, { peerId: b, addresses: [at(2)], away: [a] });
  first.discovery.look();
  await clock.advance(30_000);
  second.discovery.look();
  await clock.advance(500);
  expect(first.hints.beside(b, [])).toEqual([at(2)]);
  expect(second.hints.beside(a, [])).toEqual([at(1)]);
  expect([first.attempts[0], second.attempts[0]]).toEqual([
    { peerId: b, isNew: true },
    { peerId: a, isNew: true },
  ]);
});

test("loopback is told to nobody, and a node that has nothing else opens no socket", async () => {
  const { clock, network, first } = stage();
  first.discovery.look();
  await clock.advance(5_000);
  const told = network.said.flatMap(({ packet }) => {
    const message = messageIn(packet);
    return message?.kind === "announcement" ? message.addresses : [];
  });
  expect([...new Set(told)]).toEqual([at(1)]);
  expect(Buffer.concat(network.said.map(({ packet }) => packet)).toString("latin1")).not.toContain(
    "127.0.0.1",
  );

  const alone = localNode(network, clock, { peerId: b, addresses: [loopback], away: [a] });
  const openedBefore = network.opened;
  alone.discovery.look();
  await clock.advance(10 * 60_000);
  expect(network.opened).toBe(openedBefore);
  expect(await alone.discovery.test(never)).toEqual({ interfaces: [], problem: undefined });
});

test("it speaks when it starts, and then no more while nobody is away", async () => {
  const { clock, network } = stage([]);
  const quiet = localNode(network, clock, { peerId: b, addresses: [at(2)], away: [] });
  quiet.discovery.look();
  await clock.advance(10_000);
  expect(kinds(network).filter((kind) => kind === "question")).toHaveLength(3);
  const said = network.said.length;
  await clock.advance(3_600_000);
  expect(network.said).toHaveLength(said);
});

test("while somebody is away it asks about once a minute, and one question does for all who miss somebody", async () => {
  const { clock, network, first } = stage();
  first.discovery.look();
  await clock.advance(10 * 60_000);
  const alone = kinds(network).filter((kind) => kind === "question").length;
  expect(alone).toBeWithin(10, 15);

  const others = [4, 5, 6, 7, 8].map((seed) => {
    const node = { peerId: keyOf(seed).peerId, addresses: [at(seed)], away: [stranger] };
    return localNode(network, clock, node);
  });
  for (const { discovery } of others) discovery.look();
  await clock.advance(10_000);
  network.said.length = 0;
  await clock.advance(20 * 60_000);
  expect(kinds(network).filter((kind) => kind === "question").length).toBeLessThan(60);
});

test("a flood of unknown peers keeps nothing, and causes no attempt", async () => {
  const { clock, network, first } = stage();
  first.discovery.look();
  await clock.advance(10_000);
  for (let second = 0; second < 5; second++) {
    for (let index = 0; index < 1_000; index++) {
      const random = `12D3KooW${String(second * 1_000 + index).padStart(44, "A")}`;
      network.say(announcement(random, [at(9)]), `10.0.${index % 250}.${second}`);
    }
    await clock.advance(1_000);
  }
  network.say(announcement(stranger, [at(3)]), "10.0.0.3");
  expect([first.hints.peers, first.attempts.length]).toEqual([0, 0]);
});

/** A thousand announcements that name other places for the member. */
const lies = Array.from({ length: 1_000 }, (_, index) =>
  announcement(
    b,
    Array.from({ length: 8 }, (_, port) => at(66, 1 + index * 8 + port)),
  ),
);
const lyingSeconds = 30;
const { tokensMax, refillMs } = heardLimits.attemptsPerPeer;
const attemptsMax = tokensMax + (lyingSeconds * 1_000) / refillMs + 1;

test("a flood in a member's name causes few attempts, and does not hide where the member is", async () => {
  const { clock, network, first } = stage();
  first.discovery.look();
  await clock.advance(10_000);
  for (let second = 0; second < lyingSeconds; second++) {
    for (const lie of lies) network.say(lie, "10.0.0.66");
    if (second === 15) network.say(announcement(b, [at(2)]), "10.0.0.2");
    await clock.advance(1_000);
  }
  expect(first.attempts.length).toBeWithin(1, attemptsMax);
  expect(first.hints.beside(b, [])).toContain(at(2));
  expect(first.hints.beside(b, [])).toHaveLength(hintLimits.addressesPerPeerMax);
});

test("nor do forged senders cause more attempts, or fill the memory", async () => {
  const { clock, network, first } = stage();
  first.discovery.look();
  await clock.advance(10_000);
  for (let second = 0; second < lyingSeconds; second++) {
    for (const [index, lie] of lies.entries()) network.say(lie, `10.${second}.${index % 4}.${index % 250}`);
    await clock.advance(1_000);
  }
  expect(first.attempts.length).toBeWithin(1, attemptsMax);
  expect(first.hints.peers).toBe(1);
  expect(first.hints.beside(b, [])).toHaveLength(hintLimits.addressesPerPeerMax);
});

test("what is told in the name of this node, or of a member that is here, is not kept", async () => {
  const { clock, network, first } = stage();
  first.discovery.look();
  await clock.advance(10_000);
  first.away.delete(b);
  for (const peerId of [a, b]) network.say(announcement(peerId, [at(66)]), "10.0.0.66");
  expect([first.hints.peers, first.attempts.length]).toEqual([0, 0]);
});

test("a flood of questions is answered once a second", async () => {
  const { clock, network, first } = stage([]);
  first.discovery.look();
  await clock.advance(10_000);
  network.said.length = 0;
  for (let tenth = 0; tenth < 100; tenth++) {
    for (let index = 0; index < 100; index++) network.say(question(1 + index), `10.0.0.${index}`);
    await clock.advance(100);
  }
  expect(kinds(network).every((kind) => kind === "announcement")).toBe(true);
  expect(network.said.length).toBeWithin(8, 12);
});

test("a network that comes and goes is looked at again, and told of once", async () => {
  const { clock, network, first } = stage();
  network.refusal = "EADDRINUSE";
  first.discovery.look();
  await clock.advance(20 * 60_000);
  expect(first.log.entries.map(({ level, fields }) => [level, fields])).toEqual([
    ["info", { reason: "EADDRINUSE" }],
  ]);
  network.refusal = undefined;
  await clock.advance(80_000);
  expect([network.open, network.said.length > 0]).toEqual([1, true]);
  for (let times = 0; times < 5; times++) {
    network.fail("ENETDOWN");
    expect(network.open).toBe(0);
    await clock.advance(80_000);
    expect(network.open).toBe(1);
  }
  expect(first.log.entries).toHaveLength(2);
});

test("new addresses are told at once", async () => {
  const { clock, network, first } = stage([]);
  first.discovery.look();
  await clock.advance(60_000);
  network.said.length = 0;
  first.addresses = [at(11)];
  first.discovery.look();
  first.discovery.look();
  await clock.advance(200);
  expect(network.said.map(({ packet, source }) => [messageIn(packet)?.kind, source])).toEqual([
    ["question", "10.0.0.11"],
    ["announcement", "10.0.0.11"],
  ]);
});

test("the diagnosis says when the system carries no multicast", async () => {
  const { clock, network, first } = stage();
  expect(await first.discovery.test(never)).toEqual({ interfaces: ["10.0.0.1"], problem: undefined });
  network.carries = false;
  const deaf = first.discovery.test(never);
  await clock.advance(2_000);
  expect((await deaf).problem).toBe("this machine does not hear its own multicast");
});

test("after its end it says and hears nothing", async () => {
  const { clock, network, first } = stage();
  first.discovery.look();
  await clock.advance(500);
  first.discovery.stop();
  const said = network.said.length;
  first.discovery.look();
  await clock.advance(600_000);
  expect([network.open, network.said.length, clock.timers]).toEqual([0, said, 0]);
});
