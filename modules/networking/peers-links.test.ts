import { expect, test } from "bun:test";
import { OperoneError } from "../../src/kernel/error.ts";
import { simulatedClock, simulatedLog, simulatedRandom } from "../../src/kernel/simulated.ts";
import { type MeshChannel, memoryChannels } from "../../src/surface/mesh-channel.ts";
import { Peers } from "./peers.ts";
import { answerPings } from "./ping.ts";
import type { Link } from "./transport.ts";

const peer = "12D3other";

type Serve = (channel: MeshChannel) => unknown;

/** @param serve answers the pings over it; undefined: they are refused */
function linkTo(remoteAddress: string, serve: Serve | undefined): Link {
  const closed = new AbortController();
  return {
    peerId: peer,
    remoteAddress,
    direction: "in",
    encryption: "tls",
    openedAtMs: 0,
    closed: closed.signal,
    async openChannel() {
      if (serve === undefined) throw new OperoneError("unavailable", "the peer does not offer it");
      const [near, far] = memoryChannels();
      serve(far);
      return near;
    },
    close: () => closed.abort(),
  };
}

function stage() {
  const clock = simulatedClock();
  const peers = new Peers({
    transport: {
      peerId: "12D3self",
      dial: () => Promise.reject(new OperoneError("unavailable", "nobody answers. Is it running?")),
    },
    clock,
    random: simulatedRandom(1),
    log: simulatedLog(),
    members: () => [peer],
    addresses: () => ["/ip4/10.0.0.2/tcp/6738"],
    nameOf: () => "pi",
    onChange: () => {},
  });
  return { clock, peers, answers: (channel: MeshChannel) => void answerPings(channel, clock) };
}

test("of several links the newest is used, because that is where the peer is now", async () => {
  const { peers, answers } = stage();
  const [old, fresh] = [linkTo("/old", answers), linkTo("/fresh", answers)];
  peers.linked(old);
  peers.linked(fresh);
  expect(peers.state(peer).link).toBe(fresh);
  expect(await peers.link(peer, new AbortController().signal)).toBe(fresh);
  fresh.close();
  expect(peers.state(peer).link).toBe(old);
  peers.stop();
});

test("a node that cannot be reached is named as people name it, with the reason and what to do", async () => {
  const { peers } = stage();
  await expect(peers.link(peer, new AbortController().signal)).rejects.toMatchObject({
    code: "unavailable",
    message:
      'The node pi cannot be reached: nobody answers. Is it running? "operone doctor" there says where it listens',
  });
  peers.stop();
});

test("a new link has the older ones asked at once, and a silent one is closed", async () => {
  const { clock, peers, answers } = stage();
  let isThere = true;
  const old = linkTo("/old", async (channel) => {
    try {
      for await (const nonce of channel.chunks) if (isThere) await channel.send(nonce);
    } catch {}
  });
  peers.linked(old);
  await clock.advance(10);
  isThere = false;
  peers.linked(linkTo("/fresh", answers));
  // Not after the next round of pings, which is 4 s away, and its 4 s of patience.
  await clock.advance(4_100);
  expect(old.closed.aborted).toBe(true);
  peers.stop();
});

test("a link over which pings are refused stays: a node that enrols hears the end of it", async () => {
  const { clock, peers } = stage();
  const link = linkTo("/enrolling", undefined);
  peers.linked(link);
  await clock.advance(20_000);
  expect(link.closed.aborted).toBe(false);
  peers.stop();
});
