/** This end of the bare wires to `wire-peer.ts`, through the same event loop as the calls that they are held against. */
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { createLibp2pTransport } from "../../modules/networking/libp2p-transport.ts";
import { nodeKeyOf } from "../../modules/networking/node-key.ts";
import { protocols, type Transport } from "../../modules/networking/transport.ts";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import { certificate } from "../../tests/http/certificate.ts";
import { linesOf, tracked } from "./subjects.ts";

/** About what a small call and its answer have. */
const messageBytes = 200;
const pieceBytes = 65_507;

interface Peer {
  readonly echo: number;
  readonly sink: number;
  readonly peerId: string;
  readonly addresses: readonly string[];
}

export interface Wires {
  /** One message there and back over TCP. */
  echo(): Promise<unknown>;
  /** MB/s of that many bytes. */
  tlsRate(bytes: number): Promise<number>;
  channelRate(bytes: number): Promise<number>;
  close(): Promise<void>;
}

export async function openWires(): Promise<Wires> {
  const argv = [process.execPath, join(import.meta.dirname, "wire-peer.ts")];
  const child = tracked(Bun.spawn(argv, { stdio: ["pipe", "pipe", "inherit"] }));
  const peer = JSON.parse((await linesOf(child.stdout).next()).value ?? "") as Peer;
  const socket = connect(peer.echo, "127.0.0.1");
  const tls = connectTls({ port: peer.sink, host: "127.0.0.1", ca: certificate, minVersion: "TLSv1.3" });
  await Promise.all([opened(socket, "connect"), opened(tls, "secureConnect")]);
  const { transport, channel } = await openChannel(peer);
  return {
    echo: echoOver(socket),
    tlsRate: rateOf(socketPipe(tls)),
    channelRate: rateOf(channelPipe(channel)),
    async close() {
      socket.destroy();
      tls.destroy();
      await transport.stop();
      child.stdin.end();
      await child.exited;
    },
  };
}

async function openChannel({
  peerId,
  addresses,
}: Peer): Promise<{ transport: Transport; channel: MeshChannel }> {
  const { signal } = new AbortController();
  const transport = await createLibp2pTransport({
    key: nodeKeyOf(crypto.getRandomValues(new Uint8Array(32))),
    listen: [],
    log: simulatedLog(),
    clock: systemClock(),
    admit: () => "member",
    onLink: () => {},
  });
  const link = await transport.dial(peerId, addresses, signal);
  return { transport, channel: await link.openChannel(protocols.roster, signal) };
}

function opened(socket: Socket, event: string): Promise<void> {
  socket.setNoDelay(true);
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once("error", reject);
  });
}

/** Answers come in the order of their questions. */
function echoOver(socket: Socket): () => Promise<unknown> {
  const message = new Uint8Array(messageBytes);
  const waiting: (() => void)[] = [];
  let cameBytes = 0;
  socket.on("data", (chunk: Buffer) => {
    for (cameBytes += chunk.length; cameBytes >= messageBytes; cameBytes -= messageBytes) waiting.shift()?.();
  });
  return () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      socket.write(message);
    });
}

/** Something that takes bytes and says when the other end has them all. */
interface Pipe {
  send(piece: Uint8Array): Promise<void>;
  taken(): Promise<unknown>;
}

function socketPipe(socket: Socket): Pipe {
  return {
    async send(piece) {
      if (!socket.write(piece)) await new Promise((resolve) => socket.once("drain", resolve));
    },
    taken: () => new Promise((resolve) => socket.once("data", resolve)),
  };
}

function channelPipe(channel: MeshChannel): Pipe {
  const chunks = channel.chunks[Symbol.asyncIterator]();
  return { send: (piece) => channel.send(piece), taken: () => chunks.next() };
}

function rateOf(pipe: Pipe): (bytes: number) => Promise<number> {
  const piece = new Uint8Array(pieceBytes).fill(7);
  const length = new Uint8Array(8);
  return async (bytes) => {
    const count = Math.ceil(bytes / pieceBytes);
    new DataView(length.buffer).setBigUint64(0, BigInt(count * pieceBytes));
    const taken = pipe.taken();
    const beganMs = performance.now();
    await pipe.send(length);
    for (let i = 0; i < count; i++) await pipe.send(piece);
    await taken;
    return (count * pieceBytes) / 1e3 / (performance.now() - beganMs);
  };
}
