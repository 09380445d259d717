/** What others may do to the transport over libp2p, and what it must stand. */
import { afterEach, expect, test } from "bun:test";
import { createLibp2pTransport } from "../../modules/networking/libp2p-transport.ts";
import { type Link, protocols } from "../../modules/networking/transport.ts";
import type { TransportLimits } from "../../modules/networking/transport-limits.ts";
import { simulatedClock, simulatedLog } from "../../src/kernel/simulated.ts";
import { aborted, bytesOf, failureOf, keyOf, never, Party } from "./party.ts";
import { multistreamLine, rawClient, stranger, wire } from "./stranger.ts";

const { enroll, roster, rpc } = protocols;
const clock = simulatedClock();
const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function party(seed: number, limits: Partial<TransportLimits> = {}): Promise<Party> {
  const made = await Party.start(
    (key, options) =>
      createLibp2pTransport({
        key,
        listen: ["/ip4/127.0.0.1/tcp/0"],
        log: simulatedLog(),
        clock,
        ...options,
      }),
    seed,
    { keepaliveMs: 1e9, ...limits },
  );
  for (const protocol of [enroll, rpc]) made.handle(protocol);
  open.push(() => made.transport.stop());
  return made;
}

async function peer(seed: number, address: string | undefined) {
  const made = await stranger(seed, address);
  open.push(() => made.stop());
  return made;
}

/** Dials until it succeeds: the limits of these tests are so tight that an honest handshake can miss them. */
async function insist(a: Party, b: Party): Promise<Link> {
  for (;;) {
    const link = await a.dial(b).catch(() => undefined);
    if (link !== undefined) return link;
  }
}

/** A round trip over a new channel. */
async function talk(a: Party, b: Party): Promise<void> {
  const channel = await (await insist(a, b)).openChannel(rpc, never);
  channel.close();
  const { channel: theirs } = await b.opened.next();
  theirs.close();
  await bytesOf(channel);
}

test("a client that says nothing, or stops half way, is dropped when its time is over", async () => {
  const b = await party(2, { handshakeTimeoutMs: 200 });
  const [address] = b.transport.addresses();
  const header = multistreamLine("/multistream/1.0.0");
  const starts = [
    [],
    [header],
    [header, multistreamLine("/tls/1.0.0")],
    [header, multistreamLine("/noise")],
    [header, multistreamLine("/plaintext/2.0.0")],
  ];
  const clients = await Promise.all(starts.map(() => rawClient(address)));
  for (const [at, { socket }] of clients.entries()) for (const line of starts[at] ?? []) socket.write(line);
  await Promise.all(clients.map(({ closed }) => closed));
  await talk(await party(1), b);
});

test("garbage in place of a handshake ends the connection, whatever its length", async () => {
  const b = await party(2, { handshakeTimeoutMs: 60_000 });
  const [address] = b.transport.addresses();
  const header = multistreamLine("/multistream/1.0.0");
  const garbage = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 167 + 13) & 0xff);
  const endless = new Uint8Array(300_000).fill(0xff);
  for (const start of [[], [header, multistreamLine("/tls/1.0.0")], [header, multistreamLine("/noise")]]) {
    for (const rest of [garbage, endless]) {
      const { socket, closed } = await rawClient(address);
      for (const bytes of [...start, rest]) socket.write(bytes);
      await closed;
    }
  }
  await talk(await party(1), b);
});

test("silent clients of one host take no more than its share of the handshakes", async () => {
  const b = await party(2, {
    handshakeTimeoutMs: 60_000,
    handshakesPerHostMax: 3,
    connectionsPerHostPerSecondMax: 1e6,
  });
  const [address] = b.transport.addresses();
  const clients = await Promise.all(Array.from({ length: 8 }, () => rawClient(address)));
  let ended = 0;
  const five = Promise.withResolvers<void>();
  for (const { closed } of clients) void closed.then(() => ++ended === 5 && five.resolve());
  await five.promise;
  for (const { socket } of clients) socket.destroy();
});

test("200 connections in a row from one host leave the transport to its members", async () => {
  const b = await party(2, { handshakeTimeoutMs: 300 });
  const [a, c] = [await party(1), await party(3)];
  await insist(a, b);
  const [address] = b.transport.addresses();
  const clients = await Promise.all(Array.from({ length: 200 }, () => rawClient(address)));
  await talk(a, b);
  await Promise.all(clients.map(({ closed }) => closed));
  await talk(a, b);
  // The host was too quick for this second; then its members get through again.
  await talk(c, b);
  expect(b.transport.links()).toHaveLength(2);
}, 15_000);

test("a stranger finds no protocol, and no list of them", async () => {
  const b = await party(2);
  b.admissions.set(keyOf(7).peerId, "enrolling");
  const { connection } = await peer(7, b.transport.addresses()[0]);
  for (const protocol of [rpc, roster, "/ipfs/id/1.0.0", "/ipfs/ping/1.0.0"]) {
    expect(await failureOf(connection.newStream(protocol))).toMatchObject({
      name: "UnsupportedProtocolError",
    });
  }
  expect(b.opened.count).toBe(0);
  expect(b.announced.count).toBe(0);
});

test("an enrolling peer that sends or opens more than enrolment takes is cut off", async () => {
  const b = await party(2);
  for (const seed of [7, 8]) b.admissions.set(keyOf(seed).peerId, "enrolling");
  const [address] = b.transport.addresses();
  const talker = await peer(7, address);
  const stream = await talker.connection.newStream(enroll);
  await b.opened.next();
  stream.send(new Uint8Array(80_000));
  await talker.closed;
  const opener = await peer(8, address);
  const failures = Array.from({ length: 9 }, () => failureOf(opener.connection.newStream(rpc)));
  await Promise.all([opener.closed, ...failures]);
  expect(b.transport.links()).toEqual([]);
});

test("one that has proven its code may send a roster, and no more than that", async () => {
  const b = await party(2, { provenBytesMax: 200_000 });
  const { peerId } = keyOf(7);
  b.admissions.set(peerId, "enrolling");
  const talker = await peer(7, b.transport.addresses()[0]);
  const stream = await talker.connection.newStream(enroll);
  const { channel } = await b.opened.next();
  b.transport.prolong(peerId, 60_000);
  const chunks = channel.chunks[Symbol.asyncIterator]();
  stream.send(new Uint8Array(150_000));
  for (let received = 0; received < 150_000; ) received += (await chunks.next()).value?.length ?? 0;
  expect(b.transport.links()).toHaveLength(1);
  stream.send(new Uint8Array(60_000));
  await talker.closed;
});

test("a frame larger than any window is refused by its header alone", async () => {
  const [b, address] = [await party(2), 0];
  for (const length of [256 * 1024 + 1, 0xffff_ffff]) {
    const evil = await peer(7 + address, b.transport.addresses()[0]);
    const header = new Uint8Array(12);
    new DataView(header.buffer).setUint32(4, 1);
    new DataView(header.buffer).setUint32(8, length);
    evil.secured.send(header);
    await evil.closed;
    await evil.stop();
  }
  await talk(await party(1), b);
});

test("a connection that falls silent is ended on both sides, and one that answers is not", async () => {
  const limits = { keepaliveMs: 5_000, answerTimeoutMs: 10_000 };
  const [a, b] = [await party(1, limits), await party(2, limits)];
  const between = await wire(b.transport.addresses()[0]);
  open.push(() => between.stop());
  const link = await a.transport.dial(b.peerId, [between.address], never);
  const there = await b.announced.next();
  for (let round = 0; round < 5; round++) {
    await clock.advance(5_000);
    // The answer to the question comes before the answer of the channel.
    await talk(a, b);
  }
  expect([link.closed.aborted, there.closed.aborted]).toEqual([false, false]);
  between.freeze();
  await clock.advance(5_000);
  await clock.advance(9_999);
  expect(link.closed.aborted).toBe(false);
  await clock.advance(1);
  await Promise.all([aborted(link.closed), aborted(there.closed)]);
  expect([a.transport.links(), b.transport.links()]).toEqual([[], []]);
});

test("an end of this side's making resets the channels: closed ones would be taken for whole", async () => {
  for (const end of ["close", "stop"]) {
    const b = await party(2);
    const { connection, closed } = await peer(7, b.transport.addresses()[0]);
    const stream = await connection.newStream(rpc);
    const seen: string[] = [];
    stream.addEventListener("remoteCloseWrite", () => seen.push("closed"));
    stream.addEventListener("close", ({ error }) => seen.push(error?.name ?? "nothing"));
    const { channel, link } = await b.opened.next();
    await channel.send(new Uint8Array(1_000));
    if (end === "close") link.close();
    else await b.transport.stop();
    await closed;
    expect(seen).toEqual(["StreamResetError"]);
  }
});
