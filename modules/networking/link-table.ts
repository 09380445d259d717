/**
 * The open connections of a transport, what each peer may do over them, and how many channels it holds. The real
 * transport and the one in memory share it, so that admission cannot differ between them.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Log } from "../../src/kernel/ports.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import { hostOf } from "./remote-host.ts";
import {
  type Admission,
  type Link,
  type Protocol,
  type ProtocolOptions,
  protocols,
  type TransportOptions,
} from "./transport.ts";
import type { TransportLimits } from "./transport-limits.ts";

/** A channel that says when it is over: both sides closed it, or it broke. */
export interface CountedChannel extends MeshChannel {
  readonly ended: Promise<void>;
}

/** What lies under a link. */
export interface Carrier {
  readonly peerId: string;
  readonly remoteAddress: string;
  readonly direction: "in" | "out";
  readonly encryption: string;
  /** @throws OperoneError `unavailable` or `cancelled` */
  open(protocol: Protocol, signal: AbortSignal): Promise<MeshChannel>;
  /** Resets its channels and closes it. Never rejects. */
  end(reason: Error): Promise<void>;
  /** Aborted when it has ended. */
  readonly closed: AbortSignal;
}

interface Entry {
  readonly carrier: Carrier;
  readonly link: Link;
  /** Whether the other end has let us in; then it counts as open. */
  answered: boolean;
  /** Whether `onLink` was told. */
  announced: boolean;
  cancelEnrolling: (() => void) | undefined;
  /** Whether the peer, while it enrols, has proven the code. */
  proven: boolean;
  /** Whether the other end has opened a channel. */
  hasKnocked: boolean;
}

export interface LinkTableInput extends TransportOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: TransportLimits;
}

export class LinkTable {
  readonly #use: LinkTableInput;
  readonly #entries = new Set<Entry>();
  readonly #handlers = new Map<Protocol, ProtocolOptions>();
  /** Open channels that came in, by peer and protocol. */
  readonly #channels = new Map<string, number>();

  constructor(use: LinkTableInput) {
    this.#use = use;
  }

  handle(protocol: Protocol, options: ProtocolOptions): void {
    this.#handlers.set(protocol, options);
  }

  admission(peerId: string): Admission {
    return this.#use.admit(peerId);
  }

  /** Whether one more connection of this peer may be; asked after the handshake. */
  mayConnect(peerId: string): boolean {
    const admission = this.admission(peerId);
    if (admission !== "enrolling") return admission === "member";
    const enrolling = this.#enrolling();
    if (enrolling.some(({ carrier }) => carrier.peerId === peerId)) return false;
    // One that has come and says nothing gives its place to the next one.
    return (
      enrolling.length < this.#use.limits.enrollingMax || enrolling.some(({ hasKnocked }) => !hasKnocked)
    );
  }

  #enrolling(): Entry[] {
    return [...this.#entries].filter(({ cancelEnrolling }) => cancelEnrolling !== undefined);
  }

  /** @returns false when those who are enrolling from this host, or everywhere, are all at it and too many */
  #makeRoom(remoteAddress: string): boolean {
    const { enrollingMax, enrollingPerHostMax } = this.#use.limits;
    const all = this.#enrolling();
    const host = hostOf(remoteAddress);
    const near = all.filter(({ carrier }) => hostOf(carrier.remoteAddress) === host);
    const crowd = near.length >= enrollingPerHostMax ? near : all.length >= enrollingMax ? all : undefined;
    if (crowd === undefined) return true;
    const idle = crowd.find(({ hasKnocked }) => !hasKnocked);
    if (idle !== undefined) void this.#end(idle, "Another peer took the place of this silent one");
    return idle !== undefined;
  }

  /** The protocols that the peer may open now. To it, all others do not exist. */
  allowed(peerId: string): readonly Protocol[] {
    const admission = this.admission(peerId);
    if (admission === "refused") return [];
    const known = [...this.#handlers.keys()];
    if (admission === "member") return known;
    const busy = this.#channels.has(counted(peerId, protocols.enroll));
    return busy ? [] : known.filter((protocol) => protocol === protocols.enroll);
  }

  /**
   * A connection whose handshake is over. One that came in is open at once; one that went out is, when `answer` is called.
   *
   * @returns undefined when it may not be, and was ended
   */
  add(carrier: Carrier): Link | undefined {
    if (carrier.closed.aborted) return undefined;
    const isEnrolling = this.admission(carrier.peerId) === "enrolling";
    if (!this.mayConnect(carrier.peerId) || (isEnrolling && !this.#makeRoom(carrier.remoteAddress))) {
      void carrier.end(new Error("The peer may not connect"));
      return undefined;
    }
    const entry: Entry = {
      carrier,
      link: this.#linkOf(carrier, () => void this.#end(entry, "This node closed the connection")),
      answered: carrier.direction === "in",
      announced: false,
      cancelEnrolling: undefined,
      proven: false,
      hasKnocked: false,
    };
    this.#entries.add(entry);
    carrier.closed.addEventListener("abort", () => this.#forget(entry), { once: true });
    if (isEnrolling) this.#limitEnrolling(entry, this.#use.limits.enrollingTimeoutMs);
    this.#endOldest(carrier.peerId);
    this.#announce(entry);
    return entry.link;
  }

  /** The other end has answered over this link, so it has let us in. */
  answer(link: Link): void {
    const entry = this.#entryOf(link);
    if (entry === undefined) return;
    entry.answered = true;
    this.#announce(entry);
  }

  /** A channel that the peer opened. */
  accept(link: Link, protocol: Protocol, channel: CountedChannel): void {
    const entry = this.#entryOf(link);
    if (entry === undefined) {
      channel.reset();
      return;
    }
    this.answer(link);
    entry.hasKnocked = true;
    const { peerId } = link;
    const handler = this.#handlers.get(protocol);
    const key = counted(peerId, protocol);
    const open = this.#channels.get(key) ?? 0;
    const allowed = this.allowed(peerId).includes(protocol);
    if (handler === undefined || !allowed || open >= handler.channelsPerPeerMax) {
      this.#use.log.debug("A channel was refused", { peerId, protocol, allowed, open });
      channel.reset();
      return;
    }
    this.#channels.set(key, open + 1);
    void channel.ended.then(() => this.#release(key));
    handler.handle(channel, link);
  }

  /** Asks again what the peer may do: its links end, or become those of a member. */
  readmit(peerId: string): void {
    const admission = this.admission(peerId);
    for (const entry of this.#of(peerId)) {
      if (admission === "member") {
        entry.cancelEnrolling?.();
        entry.cancelEnrolling = undefined;
        this.#announce(entry);
      } else if (admission === "refused" || entry.cancelEnrolling === undefined) {
        void this.#end(entry, "The peer is not a member any more");
      }
    }
  }

  /** See `Transport.prolong`. */
  prolong(peerId: string, stayMs: number): void {
    for (const entry of this.#of(peerId)) {
      if (entry.cancelEnrolling === undefined) continue;
      entry.proven = true;
      entry.cancelEnrolling();
      this.#limitEnrolling(entry, stayMs);
    }
  }

  /** Whether it enrols, and has proven the code. */
  hasProven(peerId: string): boolean {
    return this.#of(peerId).some(({ proven }) => proven);
  }

  hangUp(peerId: string): void {
    for (const entry of this.#of(peerId)) void this.#end(entry, "This node hung up");
  }

  /** Those that are open. */
  links(): readonly Link[] {
    return [...this.#entries].filter(({ answered }) => answered).map(({ link }) => link);
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#entries].map((entry) => this.#end(entry, "This node stops")));
  }

  #of(peerId: string): Entry[] {
    return [...this.#entries].filter(({ carrier }) => carrier.peerId === peerId);
  }

  #entryOf(link: Link): Entry | undefined {
    return [...this.#entries].find((entry) => entry.link === link);
  }

  #linkOf(carrier: Carrier, close: () => void): Link {
    const { peerId, remoteAddress, direction, encryption, closed } = carrier;
    return {
      peerId,
      remoteAddress,
      direction,
      encryption,
      closed,
      openedAtMs: this.#use.clock.nowMs(),
      openChannel: async (protocol, signal) => {
        this.#mayOpen(peerId, protocol);
        return carrier.open(protocol, signal);
      },
      close,
    };
  }

  #mayOpen(peerId: string, protocol: Protocol): void {
    const admission = this.admission(peerId);
    if (admission === "member" || (admission === "enrolling" && protocol === protocols.enroll)) return;
    throw new OperoneError(
      "forbidden",
      `"${protocol}" is for members, and ${peerId} is ${admission} here; let it join first`,
    );
  }

  #announce(entry: Entry): void {
    if (entry.announced || !entry.answered || entry.carrier.closed.aborted) return;
    if (this.admission(entry.carrier.peerId) !== "member") return;
    entry.announced = true;
    this.#use.onLink(entry.link);
  }

  #limitEnrolling(entry: Entry, stayMs: number): void {
    entry.cancelEnrolling = this.#use.clock.after(stayMs, () => {
      void this.#end(entry, "The peer did not become a member in time");
    });
  }

  #endOldest(peerId: string): void {
    const mine = this.#of(peerId);
    for (const entry of mine.slice(0, Math.max(0, mine.length - this.#use.limits.connectionsPerPeerMax))) {
      void this.#end(entry, "A newer connection took the place of this one");
    }
  }

  /** It takes a moment; from now on nobody gets this connection any more, and nothing comes over it. */
  #end(entry: Entry, reason: string): Promise<void> {
    this.#forget(entry);
    return entry.carrier.end(new Error(reason));
  }

  #forget(entry: Entry): void {
    entry.cancelEnrolling?.();
    this.#entries.delete(entry);
  }

  #release(key: string): void {
    const open = this.#channels.get(key) ?? 0;
    if (open > 1) this.#channels.set(key, open - 1);
    else this.#channels.delete(key);
  }
}

function counted(peerId: string, protocol: Protocol): string {
  return `${peerId} ${protocol}`;
}
