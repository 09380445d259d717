/** What a transport allows. libp2p's own defaults (5 connections a second, 10 handshakes at once) break a mesh. */
export interface TransportLimits {
  /** For a connection that came in to become encrypted and named; a silent one is dropped after it. */
  readonly handshakeTimeoutMs: number;
  /** For one address that is dialled, the handshake and the peer's first answer with it. */
  readonly dialTimeoutMs: number;
  /** For a stream to name its protocol. */
  readonly negotiationTimeoutMs: number;
  /** Handshakes of peers that dialled us, at once. */
  readonly handshakesMax: number;
  /** And of one host: others get through while it floods. */
  readonly handshakesPerHostMax: number;
  /** Of one that came in, both protocols and the keys: some 3 KiB. */
  readonly handshakeBytesMax: number;
  /** Connections from one host in a second. */
  readonly connectionsPerHostPerSecondMax: number;
  readonly connectionsMax: number;
  /** Beyond it the oldest one of the same peer is ended: after a crash the new one is the living one. */
  readonly connectionsPerPeerMax: number;
  /** Connections of peers that are enrolling. */
  readonly enrollingMax: number;
  /** And of one host. */
  readonly enrollingPerHostMax: number;
  /** An enrolling peer must be a member by then, or have proven its code and wait for a person. */
  readonly enrollingTimeoutMs: number;
  /** All that an enrolling peer may send over its connection, and the streams that it may open, one after the other. */
  readonly enrollingBytesMax: number;
  readonly enrollingStreamsMax: number;
  /** What one that has proven its code may send: a roster of 4 MiB, or a day of answers that it is still there. */
  readonly provenBytesMax: number;
  /** Streams over one connection, all protocols together. */
  readonly streamsPerConnectionMax: number;
  /** A question goes to the other end this often, and a connection without an answer for `answerTimeoutMs` is ended. */
  readonly keepaliveMs: number;
  readonly answerTimeoutMs: number;
  /** Side by side, when a peer has many addresses. */
  readonly parallelDialsMax: number;
  readonly addressesPerDialMax: number;
}

export const transportLimits: TransportLimits = {
  handshakeTimeoutMs: 5_000,
  dialTimeoutMs: 6_000,
  negotiationTimeoutMs: 10_000,
  handshakesMax: 64,
  handshakesPerHostMax: 32,
  handshakeBytesMax: 64 * 1024,
  connectionsPerHostPerSecondMax: 50,
  connectionsMax: 512,
  connectionsPerPeerMax: 4,
  enrollingMax: 16,
  enrollingPerHostMax: 4,
  enrollingTimeoutMs: 15_000,
  enrollingBytesMax: 64 * 1024,
  enrollingStreamsMax: 8,
  provenBytesMax: 5 * 1024 * 1024,
  streamsPerConnectionMax: 1_024,
  keepaliveMs: 5_000,
  answerTimeoutMs: 10_000,
  parallelDialsMax: 8,
  addressesPerDialMax: 24,
};
