import { expect, test } from "bun:test";
import { simulatedClock, simulatedRandom } from "../../src/kernel/simulated.ts";
import { type MeshChannel, memoryChannels } from "../../src/surface/mesh-channel.ts";
import { answerPings, Pinger } from "./ping.ts";
import type { Link } from "./transport.ts";

function linkTo(serve: (channel: MeshChannel) => void): {
  readonly link: Link;
  readonly opened: () => number;
} {
  let opened = 0;
  const link: Link = {
    peerId: "12D3pi",
    remoteAddress: "/memory",
    direction: "out",
    encryption: "tls",
    openedAtMs: 0,
    closed: new AbortController().signal,
    async openChannel() {
      opened += 1;
      const [near, far] = memoryChannels();
      serve(far);
      return near;
    },
    close() {},
  };
  return { link, opened: () => opened };
}

test("a ping gives its round trip, and all go over one channel", async () => {
  const clock = simulatedClock();
  const { link, opened } = linkTo((channel) => void answerPings(channel, clock));
  const pinger = new Pinger(link, clock, simulatedRandom(1));
  for (let at = 0; at < 3; at++) {
    expect(await pinger.ping(1_000)).toBeGreaterThanOrEqual(0);
    await clock.advance(10);
  }
  expect(opened()).toBe(1);
});

test("a peer that says nothing fails the ping in time, and the next one opens anew", async () => {
  const clock = simulatedClock();
  const { link, opened } = linkTo(() => {});
  const pinger = new Pinger(link, clock, simulatedRandom(1));
  for (let at = 1; at <= 2; at++) {
    const failing = pinger.ping(1_000).catch((error: unknown) => error);
    while (opened() < at) await Promise.resolve();
    await clock.advance(1_001);
    expect(await failing).toMatchObject({ code: "deadline" });
  }
});

test("a peer that answers with something else fails the ping", async () => {
  const clock = simulatedClock();
  const { link } = linkTo((channel) => void channel.send(new Uint8Array(8)));
  await expect(new Pinger(link, clock, simulatedRandom(1)).ping(1_000)).rejects.toMatchObject({
    code: "unavailable",
  });
});

test("whoever sends more than a ping, or faster than it is answered, gets no more than that", async () => {
  const clock = simulatedClock();
  const [near, far] = memoryChannels();
  const answering = answerPings(far, clock);
  await near.send(new Uint8Array(65));
  await answering;
  expect(near.broken.aborted).toBe(true);
  const [quick, other] = memoryChannels();
  void answerPings(other, clock);
  const answers = quick.chunks[Symbol.asyncIterator]();
  await quick.send(new Uint8Array(8));
  await quick.send(new Uint8Array(8));
  await answers.next();
  let second = false;
  void answers.next().then(() => {
    second = true;
  });
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(second).toBe(false);
  await clock.advance(3);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(second).toBe(true);
});
