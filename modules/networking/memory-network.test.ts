import { afterEach, expect, test } from "bun:test";
import { simulatedClock, simulatedLog } from "../../src/kernel/simulated.ts";
import { aborted, bytesOf, failureOf, keyOf, never, Party } from "../../tests/networking/party.ts";
import { MemoryNetwork } from "./memory-transport.ts";
import { protocols } from "./transport.ts";

const { rpc } = protocols;
const clock = simulatedClock();
const parties: Party[] = [];
let network = new MemoryNetwork({ clock, log: simulatedLog() });
afterEach(async () => {
  await Promise.all(parties.splice(0).map(({ transport }) => transport.stop()));
  // No timer is left behind by what was stopped.
  expect(clock.timers).toBe(0);
  network = new MemoryNetwork({ clock, log: simulatedLog() });
});

async function party(seed: number): Promise<Party> {
  const made = await Party.start(async (key, options) => network.transport(key, options), seed);
  made.handle(rpc);
  parties.push(made);
  return made;
}

async function pair() {
  const [a, b] = [await party(1), await party(2)];
  const link = await a.dial(b);
  const channel = await link.openChannel(rpc, never);
  return { a, b, link, channel, there: (await b.opened.next()).channel };
}

test("what is sent takes as long as the network says, and keeps its order", async () => {
  const { a, b, channel, there } = await pair();
  network.delay(100, [a.peerId, b.peerId]);
  await channel.send(new Uint8Array([1]));
  network.delay(10, [a.peerId, b.peerId]);
  await channel.send(new Uint8Array([2]));
  channel.close();
  let got: Uint8Array | undefined;
  void bytesOf(there).then((bytes) => {
    got = bytes;
  });
  await clock.advance(99);
  expect(got).toBeUndefined();
  await clock.advance(1);
  expect(got).toEqual(Buffer.from([1, 2]));
  there.close();
  await clock.advance(10);
});

test("a dial takes its round trips", async () => {
  const [a, b] = [await party(1), await party(2)];
  network.delay(50);
  let opened = false;
  const dialling = a.dial(b).then(() => {
    opened = true;
  });
  await clock.advance(99);
  expect(opened).toBe(false);
  await clock.advance(1);
  await dialling;
});

test("a cut ends the connection and lets a new one come", async () => {
  const { a, b, link, channel } = await pair();
  network.cut(b.peerId, a.peerId);
  await Promise.all([aborted(link.closed), aborted(channel.broken)]);
  expect((await a.dial(b)).closed.aborted).toBe(false);
});

test("nothing passes between parted sides; healed in time, all of it arrives", async () => {
  const { a, b, link, channel, there } = await pair();
  const c = await party(3);
  network.part([a.peerId], [b.peerId]);
  await channel.send(new Uint8Array(10));
  channel.close();
  let got: Uint8Array | undefined;
  const reading = bytesOf(there).then((bytes) => {
    got = bytes;
  });
  await clock.advance(4_000);
  expect(got).toBeUndefined();
  await c.dial(b);
  network.heal();
  await reading;
  expect(got).toHaveLength(10);
  await clock.advance(60_000);
  expect(link.closed.aborted).toBe(false);
  there.close();
});

test("a link between parted sides ends when no answer came in time, and nobody can dial across", async () => {
  const { a, b, link, channel } = await pair();
  network.part([a.peerId], [b.peerId]);
  await clock.advance(15_000);
  expect([link.closed.aborted, channel.broken.aborted]).toEqual([true, true]);
  const failing = failureOf(a.dial(b));
  await clock.advance(6_000);
  expect(await failing).toMatchObject({ code: "unavailable" });
  expect(keyOf(2).peerId).toBe(b.peerId);
});
