/**
 * The real transport: libp2p over TCP, TLS 1.3 first and Noise for peers without it, Yamux. No identify, ping or DHT:
 * a stranger gets the handshake and, while an invite is open, the enrolment stream. To be imported lazily.
 */
import { noise } from "@chainsafe/libp2p-noise";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { Connection, Stream } from "@libp2p/interface";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import type { Clock, Log } from "../../src/kernel/ports.ts";
import { type Attempt, Dialler } from "./dialler.ts";
import { gater } from "./gater.ts";
import { carrierOf, confirm } from "./libp2p-link.ts";
import { LinkTable } from "./link-table.ts";
import { reachable } from "./listen-addresses.ts";
import { guardedYamux } from "./muxer.ts";
import { publicKeyOf } from "./node-key.ts";
import { noiseCrypto } from "./noise-cipher.ts";
import { patientTcp } from "./patient-tcp.ts";
import { cannotListen } from "./port-probe.ts";
import { quietLogger } from "./quiet-logger.ts";
import { SecuredPeers } from "./secured-peers.ts";
import { StreamChannel } from "./stream-channel.ts";
import { tls } from "./tls.ts";
import {
  type Link,
  type NodeKey,
  type Protocol,
  protocols,
  type Transport,
  type TransportOptions,
} from "./transport.ts";
import { type TransportLimits, transportLimits } from "./transport-limits.ts";

export interface Libp2pTransportInput extends TransportOptions {
  readonly key: NodeKey;
  /** Multiaddrs; port 0 takes a free one: `/ip4/0.0.0.0/tcp/6738`. */
  readonly listen: readonly string[];
  readonly log: Log;
  readonly clock: Clock;
  readonly limits?: Partial<TransportLimits>;
}

/** Listens when it resolves. @throws OperoneError `unavailable` when it cannot listen on one of the addresses */
export async function createLibp2pTransport(input: Libp2pTransportInput): Promise<Transport> {
  const limits = { ...transportLimits, ...input.limits };
  const table = new LinkTable({ ...input, limits });
  const node = await createNode(input, table, limits);
  const links = new WeakMap<Connection, Link>();
  node.addEventListener("connection:open", ({ detail }) => {
    const link = table.add(carrierOf(detail, input.clock, limits));
    if (link !== undefined) links.set(detail, link);
  });
  node.addEventListener("peer:disconnect", ({ detail }) => {
    // The library remembers every peer that ever came.
    void node.peerStore.delete(detail).catch(() => undefined);
  });
  const accept = (protocol: Protocol) => (stream: Stream, connection: Connection) => {
    const link = links.get(connection);
    const channel = new StreamChannel(stream);
    if (link === undefined) channel.reset();
    else table.accept(link, protocol, channel);
  };
  const many = {
    maxInboundStreams: limits.streamsPerConnectionMax,
    maxOutboundStreams: limits.streamsPerConnectionMax,
  };
  for (const protocol of Object.values(protocols)) await node.handle(protocol, accept(protocol), many);
  const { peerId } = input.key;
  const connect = async (to: string, address: string, signal: AbortSignal): Promise<Attempt> => {
    const connection = await node.services.outward.dial(multiaddr(`${address}/p2p/${to}`), signal);
    return { link: links.get(connection), confirm: (within) => confirm(connection, within) };
  };
  const dialler = new Dialler({ peerId, table, clock: input.clock, limits, connect });
  await start(node, input.listen);
  return {
    peerId,
    addresses: () => reachable(node.services.outward.addresses(), input.listen),
    handle: (protocol, options) => table.handle(protocol, options),
    dial: (to, addresses, signal) => dialler.dial(to, addresses, signal),
    links: () => table.links(),
    readmit: (of) => table.readmit(of),
    prolong: (of, stayMs) => table.prolong(of, stayMs),
    hangUp: (of) => table.hangUp(of),
    async stop() {
      dialler.stop();
      await table.endAll();
      await node.stop();
    },
  };
}

type Node = Awaited<ReturnType<typeof createNode>>;

/** The layer below the node's own dial, which would try one address after the other. */
interface Outward {
  dial(to: Multiaddr, signal: AbortSignal): Promise<Connection>;
  addresses(): Multiaddr[];
}

function createNode(input: Libp2pTransportInput, table: LinkTable, limits: TransportLimits) {
  const peers = new SecuredPeers();
  const muxer = guardedYamux({
    table,
    clock: input.clock,
    limits,
    peerOf: (connection) => peers.peerOf(connection),
  });
  return createLibp2p<{ outward: Outward }>({
    start: false,
    // From the seed alone the library would make the tables of its curve in JavaScript: 50 ms and 11 MB.
    privateKey: privateKeyFromRaw(Buffer.concat([input.key.seed, publicKeyOf(input.key.seed)])),
    addresses: { listen: [...input.listen] },
    transports: [patientTcp(limits.dialTimeoutMs)],
    connectionEncrypters: [peers.watch(tls()), peers.watch(noise({ crypto: noiseCrypto }))],
    streamMuxers: [muxer],
    connectionGater: gater(table, limits, input.log),
    connectionManager: {
      maxConnections: limits.connectionsMax,
      maxIncomingPendingConnections: limits.handshakesMax,
      inboundConnectionThreshold: limits.connectionsPerHostPerSecondMax,
      inboundUpgradeTimeout: limits.handshakeTimeoutMs,
    },
    // It asks by a protocol that nobody has here; the muxer asks itself.
    connectionMonitor: { enabled: false },
    logger: quietLogger(),
    services: {
      outward: ({ transportManager }) => ({
        dial: (to, signal) => transportManager.dial(to, { signal }),
        addresses: () => transportManager.getAddrs(),
      }),
    },
  });
}

async function start(node: Node, listen: readonly string[]): Promise<void> {
  try {
    await node.start();
  } catch (error) {
    // The library's message is many lines, with the reason for each address among them.
    throw cannotListen(listen, error instanceof Error ? error.message : String(error));
  }
}
