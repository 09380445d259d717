/** Peers that do not keep to the rules. */
import { connect, createServer, type Socket } from "node:net";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Connection, MessageStream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { tls } from "../../modules/networking/tls.ts";

export interface RawClient {
  readonly socket: Socket;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
}

function portOf(address: string | undefined): number {
  return Number(address?.split("/").at(-1));
}

/** A TCP connection and nothing more. */
export async function rawClient(address: string | undefined): Promise<RawClient> {
  const socket = connect({ host: "127.0.0.1", port: portOf(address) });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined);
  // Read, or the end would never be seen.
  socket.resume();
  await Promise.race([closed, new Promise((resolve) => socket.once("connect", resolve))]);
  return { socket, closed };
}

/** A line of multistream-select: its length, itself, a line feed. */
export function multistreamLine(text: string): Uint8Array {
  return Uint8Array.from([text.length + 1, ...new TextEncoder().encode(`${text}\n`)]);
}

export interface Stranger {
  readonly connection: Connection;
  /** What lies under the streams: whatever is sent here is taken for Yamux frames. */
  readonly secured: MessageStream;
  readonly closed: Promise<void>;
  stop(): Promise<void>;
}

/** A peer with a key of its own that can send anything once it is connected. */
export async function stranger(seed: number, address: string | undefined): Promise<Stranger> {
  const made = Promise.withResolvers<MessageStream>();
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", new Uint8Array(32).fill(seed)),
    transports: [tcp()],
    connectionEncrypters: [tls()],
    connectionMonitor: { enabled: false },
    streamMuxers: [
      () => {
        const factory = yamux({ enableKeepAlive: false })();
        return {
          protocol: factory.protocol,
          createStreamMuxer(connection) {
            made.resolve(connection);
            return factory.createStreamMuxer(connection);
          },
        };
      },
    ],
  });
  const connection = await node.dial(multiaddr(address));
  const closed = new Promise<void>((resolve) => connection.addEventListener("close", () => resolve()));
  return { connection, secured: await made.promise, closed, stop: async () => node.stop() };
}

export interface Wire {
  /** Where it listens. */
  readonly address: string;
  /** From now on nothing passes, and nobody is told. */
  freeze(): void;
  stop(): void;
}

/** A wire to `address` that can be frozen. */
export async function wire(address: string | undefined): Promise<Wire> {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port: portOf(address) });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => undefined);
      one.on("data", (data) => void other.write(data));
      one.on("close", () => other.destroy());
      sockets.push(one);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return {
    address: `/ip4/127.0.0.1/tcp/${port}`,
    freeze: () => {
      for (const socket of sockets) socket.removeAllListeners("data").removeAllListeners("close");
    },
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
