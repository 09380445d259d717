/**
 * libp2p as others set it up, for Node: default Noise and Yamux, nothing of this project. Two processes.
 *
 *     node stock-pair.ts serve             prints its address
 *     node stock-pair.ts call ADDRESS      for each line on stdin (`p50`, `rate`, `bulk`) prints microseconds, calls a
 *                                          second with 32 in flight, or MB/s
 *
 * A call is 200 bytes there and back on one long-lived stream; the answer is the question, so it costs nothing.
 */
import { createInterface } from "node:readline";
import { noise } from "@chainsafe/libp2p-noise";
import type { Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";

const echo = "/bench/echo/1";
const sink = "/bench/sink/1";
const messageBytes = 200;
const bulkBytes = 64 * 1024 * 1024;
const pieceBytes = 65_507;
const serves = process.argv[2] === "serve";

const node = await createLibp2p({
  addresses: { listen: serves ? ["/ip4/127.0.0.1/tcp/0"] : [] },
  transports: [tcp()],
  streamMuxers: [yamux()],
  connectionEncrypters: [noise()],
});

if (serves) await serve();
else await call(process.argv[3] ?? "");

async function serve(): Promise<void> {
  await node.handle(echo, async (stream) => {
    for await (const part of stream) stream.send(part);
  });
  await node.handle(sink, async (stream) => {
    let missing = bulkBytes;
    for await (const part of stream) {
      missing -= part.byteLength;
      if (missing > 0) continue;
      missing = bulkBytes;
      stream.send(new Uint8Array([1]));
    }
  });
  console.log(node.getMultiaddrs()[0]?.toString());
  for await (const _ of process.stdin);
  process.exit(0);
}

async function call(address: string): Promise<void> {
  const to = multiaddr(address);
  const once = echoOver(await node.dialProtocol(to, echo));
  const bulk = await node.dialProtocol(to, sink);
  const measures: Readonly<Record<string, () => Promise<number>>> = {
    p50: () => p50(once),
    rate: () => rate(once),
    bulk: () => bulkRate(bulk),
  };
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) console.log(await measures[line]?.());
  process.exit(0);
}

function echoOver(stream: Stream): () => Promise<void> {
  const message = new Uint8Array(messageBytes);
  const waiting: (() => void)[] = [];
  let cameBytes = 0;
  stream.addEventListener("message", ({ data }) => {
    cameBytes += data.byteLength;
    for (; cameBytes >= messageBytes; cameBytes -= messageBytes) waiting.shift()?.();
  });
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      stream.send(message);
    });
}

async function p50(once: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 1_000; i++) {
    const beganMs = performance.now();
    await once();
    times.push(performance.now() - beganMs);
  }
  return (times.toSorted((a, b) => a - b)[500] ?? 0) * 1_000;
}

async function rate(once: () => Promise<void>): Promise<number> {
  const calls = 10_000;
  let left = calls;
  const beganMs = performance.now();
  const caller = async () => {
    while (left-- > 0) await once();
  };
  await Promise.all(Array.from({ length: 32 }, caller));
  return calls / ((performance.now() - beganMs) / 1_000);
}

async function bulkRate(stream: Stream): Promise<number> {
  const piece = new Uint8Array(pieceBytes);
  const taken = new Promise<void>((resolve) =>
    stream.addEventListener("message", () => resolve(), { once: true }),
  );
  const beganMs = performance.now();
  for (let at = 0; at < bulkBytes; at += pieceBytes) {
    const more = stream.send(piece.subarray(0, Math.min(pieceBytes, bulkBytes - at)));
    if (!more) await new Promise((resolve) => stream.addEventListener("drain", resolve, { once: true }));
  }
  await taken;
  return bulkBytes / 1e3 / (performance.now() - beganMs);
}
