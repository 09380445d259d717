/**
 * Keeps links to the other members: dials with a growing pause between attempts, notices links that have gone
 * silent, and begins anew when this machine's own addresses change.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Log, Random } from "../../src/kernel/ports.ts";
import { neighboursOf } from "./neighbours.ts";
import { Pinger } from "./ping.ts";
import type { Link, Transport } from "./transport.ts";

export interface PeersOptions {
  readonly transport: Pick<Transport, "peerId" | "dial">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Peer ids of the other members. */
  members(): readonly string[];
  /** Where a member was last known to listen. */
  addresses(peerId: string): readonly string[];
  /** For people; without one the peer id is told. */
  nameOf?(peerId: string): string | undefined;
  /** A member got its first link, or lost its last one. */
  onChange(peerId: string, connected: boolean): void;
}

/** What is known of the way to one peer. */
export interface PeerState {
  readonly link: Link | undefined;
  readonly roundTripMs: number | undefined;
  /** Unix time; absent when it was never linked since the start. */
  readonly lastSeenAtMs: number | undefined;
  /** Of the last attempt, while there is no link. */
  readonly failure: { readonly reason: string; readonly atMs: number } | undefined;
}

const retryMsMin = 500;
const retryMsMax = 30_000;
/** The peer with the higher id leaves the other this time to dial first, so that mostly one link is made and not two. */
const politeMs = 1_500;
const dialTimeoutMs = 10_000;
const pingEveryMs = 4_000;
const pingTimeoutMs = 4_000;

interface Peer {
  readonly links: Map<Link, Pinger>;
  attempts: number;
  cancelRetry: () => void;
  dialling: Promise<Link> | undefined;
  /** Ends the attempt that runs, for another one with the addresses that are known now. */
  beginAnew: () => void;
  roundTripMs: number | undefined;
  lastSeenAtMs: number | undefined;
  failure: PeerState["failure"];
}

export class Peers {
  readonly #use: PeersOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #stopped = new AbortController();
  #stopTimer = () => {};

  constructor(use: PeersOptions) {
    this.#use = use;
    this.#tick();
  }

  /** After members or their addresses have changed. */
  update(): void {
    const members = this.#use.members();
    const known = new Set(members);
    for (const [peerId, peer] of this.#peers) {
      if (known.has(peerId)) continue;
      // Its links end when the transport asks again who it is.
      peer.cancelRetry();
      this.#peers.delete(peerId);
    }
    const wanted = neighboursOf(this.#use.transport.peerId, members);
    for (const peerId of members) {
      const peer = this.#peer(peerId);
      if (wanted.has(peerId)) this.#arm(peerId, peer, this.#politeMs(peerId));
    }
  }

  /** This machine's addresses changed, or somebody knows that a way has opened: forget the pauses. */
  retryNow(): void {
    for (const [peerId, peer] of this.#peers) {
      peer.attempts = 0;
      peer.cancelRetry();
      peer.cancelRetry = () => {};
      for (const [link, pinger] of peer.links) void this.#ping(peer, link, pinger);
      if (this.#isWanted(peerId)) this.#arm(peerId, peer, 0);
    }
  }

  /**
   * Somebody says where the peer is: it is tried at once. The pause after that is no shorter for it, so that lies do
   * not make this node dial more and more.
   *
   * @param isNew by an address that an attempt which runs now does not know
   */
  hinted(peerId: string, isNew: boolean): void {
    const peer = this.#peers.get(peerId);
    if (peer === undefined || peer.links.size > 0 || !this.#isWanted(peerId)) return;
    if (peer.dialling === undefined) this.#arm(peerId, peer, 0);
    else if (isNew) peer.beginAnew();
  }

  /** Told by the transport. */
  linked(link: Link): void {
    if (link.closed.aborted) return;
    const { clock, random } = this.#use;
    const peer = this.#peer(link.peerId);
    const pinger = new Pinger(link, clock, random);
    const first = peer.links.size === 0;
    // Whoever connects again has often lost the link before: from another address it cannot even say so.
    for (const [older, its] of peer.links) void this.#ping(peer, older, its);
    peer.links.set(link, pinger);
    peer.attempts = 0;
    peer.failure = undefined;
    peer.lastSeenAtMs = clock.nowMs();
    peer.cancelRetry();
    peer.cancelRetry = () => {};
    link.closed.addEventListener("abort", () => this.#lost(link, peer), { once: true });
    void this.#ping(peer, link, pinger);
    if (first) this.#use.onChange(link.peerId, true);
  }

  /** Those to which a link is kept: in a big mesh not all. */
  wanted(): readonly string[] {
    return [...neighboursOf(this.#use.transport.peerId, this.#use.members())];
  }

  state(peerId: string): PeerState {
    const peer = this.#peers.get(peerId);
    const link = newest(peer);
    return {
      link,
      roundTripMs: link === undefined ? undefined : peer?.roundTripMs,
      lastSeenAtMs: peer?.lastSeenAtMs,
      failure: link === undefined ? peer?.failure : undefined,
    };
  }

  /**
   * An open link to the member, made now if there is none.
   *
   * @throws OperoneError `unavailable` with the reason and the addresses that were tried, `cancelled` by the signal
   */
  async link(peerId: string, signal: AbortSignal): Promise<Link> {
    const peer = this.#peer(peerId);
    const open = newest(peer);
    if (open !== undefined) return open;
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(reasonOf(signal));
    if (signal.aborted) throw reasonOf(signal);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      // Shared with everybody who waits for it, so it outlives the one who gave up.
      return await Promise.race([this.#dial(peerId, peer), aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** @returns milliseconds. @throws OperoneError `unavailable` */
  async ping(peerId: string, signal: AbortSignal): Promise<number> {
    const link = await this.link(peerId, signal);
    const peer = this.#peer(peerId);
    const pinger = peer.links.get(link);
    if (pinger === undefined) throw new OperoneError("unavailable", `The link to ${peerId} has just ended`);
    peer.roundTripMs = await pinger.ping(pingTimeoutMs);
    return peer.roundTripMs;
  }

  stop(): void {
    this.#stopped.abort();
    this.#stopTimer();
    for (const peer of this.#peers.values()) peer.cancelRetry();
  }

  #peer(peerId: string): Peer {
    let peer = this.#peers.get(peerId);
    if (peer === undefined) {
      peer = {
        links: new Map(),
        attempts: 0,
        cancelRetry: () => {},
        dialling: undefined,
        beginAnew: () => {},
        roundTripMs: undefined,
        lastSeenAtMs: undefined,
        failure: undefined,
      };
      this.#peers.set(peerId, peer);
    }
    return peer;
  }

  #isWanted(peerId: string): boolean {
    return neighboursOf(this.#use.transport.peerId, this.#use.members()).has(peerId);
  }

  #politeMs(peerId: string): number {
    return this.#use.transport.peerId < peerId ? 0 : politeMs;
  }

  #lost(link: Link, peer: Peer): void {
    peer.links.get(link)?.close();
    if (!peer.links.delete(link)) return;
    peer.lastSeenAtMs = this.#use.clock.nowMs();
    if (peer.links.size > 0) return;
    peer.roundTripMs = undefined;
    if (this.#stopped.signal.aborted) return;
    this.#use.onChange(link.peerId, false);
    if (this.#isWanted(link.peerId)) this.#arm(link.peerId, peer, retryMsMin);
  }

  #arm(peerId: string, peer: Peer, delayMs: number): void {
    if (peer.links.size > 0 || peer.dialling !== undefined || this.#stopped.signal.aborted) return;
    peer.cancelRetry();
    peer.cancelRetry = this.#use.clock.after(delayMs, () => {
      if (peer.links.size > 0 || this.#peers.get(peerId) !== peer) return;
      void this.#dial(peerId, peer).catch(() => {
        if (this.#peers.get(peerId) === peer) this.#arm(peerId, peer, this.#pauseMs(peer));
      });
    });
  }

  /** Doubled with each attempt, and up to a half more by chance, so that nodes that fell together do not rise together. */
  #pauseMs({ attempts }: Peer): number {
    const [chance = 0] = this.#use.random.bytes(1);
    const pauseMs = Math.min(retryMsMin * 2 ** Math.min(attempts, 10), retryMsMax);
    return pauseMs * (1 + chance / 512);
  }

  #dial(peerId: string, peer: Peer): Promise<Link> {
    peer.dialling ??= this.#dialOnce(peerId, peer).finally(() => {
      peer.dialling = undefined;
    });
    return peer.dialling;
  }

  async #dialOnce(peerId: string, peer: Peer): Promise<Link> {
    const { clock } = this.#use;
    const controller = new AbortController();
    const abort = () => controller.abort(new OperoneError("unavailable", "The node is stopping"));
    this.#stopped.signal.addEventListener("abort", abort, { once: true });
    const late = new OperoneError("unavailable", `nothing answered within ${dialTimeoutMs / 1_000} s`);
    const stop = clock.after(dialTimeoutMs, () => controller.abort(late));
    try {
      if (this.#use.addresses(peerId).length === 0)
        throw new OperoneError(
          "unavailable",
          "it has not told any address yet, and it has not come by itself",
        );
      return await this.#dialTwice(peerId, peer, controller.signal);
    } catch (error) {
      const open = newest(peer);
      // It came to us meanwhile.
      if (open !== undefined) return open;
      const why = controller.signal.aborted ? controller.signal.reason : error;
      const reason = why instanceof Error ? why.message : String(why);
      peer.attempts += 1;
      peer.failure = { reason, atMs: clock.nowMs() };
      const addresses = this.#use.addresses(peerId);
      // The transport's own reasons name each address.
      const tried = why === late && addresses.length > 0 ? ` at ${addresses.join(", ")}` : "";
      const code = why instanceof OperoneError && why.code === "forbidden" ? "forbidden" : "unavailable";
      const name = this.#use.nameOf?.(peerId) ?? peerId;
      throw new OperoneError(
        code,
        `The node ${name} cannot be reached: ${sentence(reason + tried)} "operone doctor" there says where it listens`,
        undefined,
        { cause: error },
      );
    } finally {
      stop();
      this.#stopped.signal.removeEventListener("abort", abort);
    }
  }

  /** Once more when a hint came meanwhile. Only once: true addresses get their time, however much is told. */
  async #dialTwice(peerId: string, peer: Peer, signal: AbortSignal): Promise<Link> {
    const { transport, addresses } = this.#use;
    const anew = new AbortController();
    peer.beginAnew = () => anew.abort();
    try {
      return await transport.dial(peerId, addresses(peerId), AbortSignal.any([signal, anew.signal]));
    } catch (error) {
      if (!anew.signal.aborted || signal.aborted) throw error;
    } finally {
      peer.beginAnew = () => {};
    }
    return await transport.dial(peerId, addresses(peerId), signal);
  }

  #tick(): void {
    this.#stopTimer = this.#use.clock.after(pingEveryMs, () => {
      for (const peer of this.#peers.values()) {
        for (const [link, pinger] of peer.links) void this.#ping(peer, link, pinger);
      }
      if (!this.#stopped.signal.aborted) this.#tick();
    });
  }

  /** A link over which nothing comes back is closed: the machine is off, or has gone elsewhere. */
  async #ping(peer: Peer, link: Link, pinger: Pinger): Promise<void> {
    try {
      const roundTripMs = await pinger.ping(pingTimeoutMs);
      if (peer.links.has(link)) {
        peer.roundTripMs = roundTripMs;
        peer.lastSeenAtMs = this.#use.clock.nowMs();
      }
    } catch (error) {
      // A peer that refuses pings is there: over the link on which it has just enrolled it answers none yet.
      if (link.closed.aborted || !(error instanceof OperoneError) || error.code !== "deadline") return;
      this.#use.log.info("A link went silent and is closed", { peer: link.peerId, reason: error.message });
      link.close();
    }
  }
}

/** The one that most surely leads to where the peer is now. */
function newest(peer: Peer | undefined): Link | undefined {
  return [...(peer?.links.keys() ?? [])].at(-1);
}

function sentence(text: string): string {
  return /[.?]$/.test(text) ? text : `${text}.`;
}

function reasonOf(signal: AbortSignal): OperoneError {
  if (signal.reason instanceof OperoneError) return signal.reason;
  return new OperoneError("cancelled", "The call was cancelled before the other node was reached");
}
