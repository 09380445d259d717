/**
 * Connections to other nodes, without a word of libp2p: `libp2p-transport.ts` is the real body, `memory-transport.ts`
 * the one for simulations. Both pass the same suite.
 */
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";

/** What an authenticated peer may do here. `enrolling`: nothing but the enrolment protocol. */
export type Admission = "member" | "enrolling" | "refused";

/** The protocols that nodes speak. A stranger may open the first alone. */
export const protocols = {
  enroll: "/operone/enroll/1",
  ping: "/operone/ping/1",
  roster: "/operone/roster/1",
  rpc: "/operone/rpc/1",
} as const;
export type Protocol = (typeof protocols)[keyof typeof protocols];

/** One encrypted connection to a peer whose key was proven by the handshake. */
export interface Link {
  readonly peerId: string;
  /** Multiaddr of the other end, for people: `/ip4/10.0.0.2/tcp/6738`. */
  readonly remoteAddress: string;
  readonly direction: "in" | "out";
  /** `tls` or `noise`. */
  readonly encryption: string;
  readonly openedAtMs: number;
  /** Aborted when the connection has ended, whoever ended it. */
  readonly closed: AbortSignal;
  /**
   * @throws OperoneError `unavailable` when the peer refuses the protocol or is gone, `forbidden` when `admit` does not
   *   let this node speak it with the peer, `cancelled` by the signal
   */
  openChannel(protocol: Protocol, signal: AbortSignal): Promise<MeshChannel>;
  close(): void;
}

export interface ProtocolOptions {
  /** Beyond it a new channel of the same peer is reset. */
  readonly channelsPerPeerMax: number;
  handle(channel: MeshChannel, link: Link): void;
}

export interface TransportOptions {
  /** Asked after the handshake, before anything else is listened to, and for each channel that is opened. */
  admit(peerId: string): Admission;
  /**
   * A connection to a member, in either direction: once for each, when both sides have let the other in. For one that
   * began while the peer was enrolling, when `readmit` finds it a member.
   */
  onLink(link: Link): void;
}

export interface Transport {
  readonly peerId: string;
  /** Where it listens, with real ports and without a peer id: `/ip4/10.0.0.1/tcp/6738`. Wildcards are expanded. */
  addresses(): readonly string[];
  handle(protocol: Protocol, options: ProtocolOptions): void;
  /**
   * A new or an existing connection to exactly this peer, which has answered over it.
   *
   * @param addresses multiaddrs without a peer id, tried side by side
   * @throws OperoneError `unavailable` when none leads to it, `forbidden` when the peer closed it at once (it does not
   *   know this node) or `admit` refuses the peer, `cancelled` by the signal, `invalid_input` for this node itself
   */
  dial(peerId: string, addresses: readonly string[], signal: AbortSignal): Promise<Link>;
  /** All that are open, also those of peers that are enrolling. */
  links(): readonly Link[];
  /** Asks `admit` again: the peer's connections end, or become those of a member. */
  readmit(peerId: string): void;
  /**
   * A peer that is enrolling has proven its code: from now on its connection may stay for so long, whatever it had left,
   * and carry a roster. For a member, and for one without a connection, it changes nothing.
   */
  prolong(peerId: string, stayMs: number): void;
  /** Ends every connection of the peer. Its channels are reset. */
  hangUp(peerId: string): void;
  /** Ends every connection and listens no more. */
  stop(): Promise<void>;
}

/** The node's own key. The seed lies in `node.key` alone. */
export interface NodeKey {
  /** libp2p's text form of the Ed25519 key: `12D3KooW...` */
  readonly peerId: string;
  /** 32 bytes. */
  readonly seed: Uint8Array;
}
