/**
 * Finds members on the local network when the signed addresses lead nowhere any more: both moved while they were away.
 * Says where this node listens and asks the others, when it starts, when its addresses change and when a member is
 * lost; later about once a minute while one is away. To be imported lazily.
 */
import type { Clock, Log, Random } from "../../src/kernel/ports.ts";
import type { AddressHints } from "./address-hints.ts";
import { type HeardLimits, HeardRate } from "./heard-rate.ts";
import { announcement, isOutside, localMessageLimits, messageIn, question } from "./local-message.ts";
import type { Multicast, OpenMulticast } from "./multicast.ts";

export interface DiscoveryUse {
  /** This node. */
  readonly peerId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly hints: AddressHints;
  /** Where this node listens: multiaddrs without a peer id, wildcards expanded. */
  addresses(): readonly string[];
  /** A member, and there is no link to it. */
  isAway(peerId: string): boolean;
  isAnybodyAway(): boolean;
  /** An attempt may be worth while. `isNew`: with an address that was not known. */
  onHint(peerId: string, isNew: boolean): void;
  readonly limits?: Partial<HeardLimits>;
}

/** What the diagnosis tells. */
export interface DiscoveryState {
  /** IPv4 addresses of the interfaces; empty when there is nothing to announce. */
  readonly interfaces: readonly string[];
  /** Why it does not work, when it does not. */
  readonly problem: string | undefined;
}

/** Datagrams get lost, above all by radio, so three times: after a moment, and after these. */
const burstMs = [1_000, 2_000] as const;
/** And up to 15 s more, so that those who lost their members together do not go on asking together. */
const everyMs = 60_000;
const everySpread = 125;
/** RFC 6762, section 6: the same is not said more often, whoever asks. */
const gapMs = 1_000;
/** RFC 6762, section 6: so that not all speak at once. */
const jitterMs = { min: 20, max: 120 } as const;
const interfacesMax = 16;
const testMs = 1_000;

export class Discovery {
  readonly #use: DiscoveryUse;
  readonly #open: OpenMulticast;
  readonly #rate: HeardRate;
  /** Tells this node's own questions, which come back to it, from those of others. */
  readonly #questionId: number;
  readonly #onEcho = new Set<() => void>();
  #multicast: Promise<Multicast | undefined> | undefined;
  #problem: string | undefined;
  #logged: string | undefined;
  #burst = 0;
  #looksSoon = false;
  #othersAsk = false;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #announcedAtMs = Number.NEGATIVE_INFINITY;
  #stopRound = () => {};
  #stopAnswer: (() => void) | undefined;
  #stopped = false;

  constructor(use: DiscoveryUse, open: OpenMulticast) {
    this.#use = use;
    this.#open = open;
    this.#rate = new HeardRate(use.clock, use.limits);
    const [high = 0, low = 0] = use.random.bytes(2);
    this.#questionId = (high << 8) | low || 1;
  }

  /** Soon, a few times. When it starts, this node's addresses change, or a member is lost. */
  look(): void {
    this.#burst = 0;
    if (this.#looksSoon || this.#stopped) return;
    this.#looksSoon = true;
    this.#stopRound();
    const restMs = this.#askedAtMs + gapMs - this.#use.clock.monotonicMs();
    this.#stopRound = this.#use.clock.after(Math.max(restMs, 0) + this.#chanceMs(), () => this.#round());
  }

  /** Whether a question comes back from this machine's own networks: with no multicast there it would be silent. */
  async test(signal: AbortSignal): Promise<DiscoveryState> {
    const interfaces = this.#interfaces();
    if (interfaces.length === 0) return { interfaces, problem: undefined };
    const echo = Promise.withResolvers<boolean>();
    const heard = () => echo.resolve(true);
    const giveUp = () => echo.resolve(false);
    const stopTimer = this.#use.clock.after(testMs, giveUp);
    signal.addEventListener("abort", giveUp, { once: true });
    this.#onEcho.add(heard);
    try {
      await this.#send(question(this.#questionId), interfaces);
      const works = await echo.promise;
      if (works) return { interfaces, problem: undefined };
      return { interfaces, problem: this.#problem ?? "this machine does not hear its own multicast" };
    } finally {
      stopTimer();
      this.#onEcho.delete(heard);
      signal.removeEventListener("abort", giveUp);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#stopRound();
    this.#stopAnswer?.();
    void this.#multicast?.then((multicast) => multicast?.close());
  }

  #round(): void {
    this.#looksSoon = false;
    const burst = this.#burst;
    const delayMs = burstMs[burst] ?? everyMs + this.#chanceMs() * everySpread;
    this.#burst = Math.min(burst + 1, burstMs.length + 1);
    this.#stopRound = this.#use.clock.after(delayMs + this.#chanceMs(), () => this.#round());
    const isBurst = burst <= burstMs.length;
    // Answers go to everybody, so one question for all on the network is enough (RFC 6762, section 7.3).
    const needless = !isBurst && (this.#othersAsk || !this.#use.isAnybodyAway());
    this.#othersAsk = false;
    if (needless) return;
    this.#askedAtMs = this.#use.clock.monotonicMs();
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const interfaces = this.#interfaces();
    if (interfaces.length === 0) return;
    await this.#send(question(this.#questionId), interfaces);
    await this.#announce();
  }

  /** Nothing when this node can be reached from this machine alone. */
  async #announce(): Promise<void> {
    const addresses = this.#outside().slice(0, localMessageLimits.addressesMax);
    const interfaces = this.#interfaces();
    if (addresses.length === 0 || interfaces.length === 0) return;
    this.#announcedAtMs = this.#use.clock.monotonicMs();
    await this.#send(announcement(this.#use.peerId, addresses), interfaces);
  }

  #answerSoon(): void {
    if (this.#stopAnswer !== undefined || this.#stopped) return;
    const restMs = this.#announcedAtMs + gapMs - this.#use.clock.monotonicMs();
    this.#stopAnswer = this.#use.clock.after(Math.max(restMs, 0) + this.#chanceMs(), () => {
      this.#stopAnswer = undefined;
      void this.#announce();
    });
  }

  #outside(): readonly string[] {
    return this.#use.addresses().filter(isOutside);
  }

  #interfaces(): readonly string[] {
    const ips = this.#outside().flatMap((address) => /^\/ip4\/([^/]+)\//.exec(address)?.[1] ?? []);
    return [...new Set(ips)].slice(0, interfacesMax);
  }

  /** Never rejects: networks come and go, and the next round tries again. */
  async #send(packet: Uint8Array, interfaces: readonly string[]): Promise<void> {
    this.#multicast ??= this.#openNow();
    const multicast = await this.#multicast;
    if (multicast === undefined || this.#stopped) return;
    const failures = await multicast.send(packet, interfaces);
    this.#tell(failures.length === interfaces.length ? failures.join("; ") : undefined);
  }

  async #openNow(): Promise<Multicast | undefined> {
    try {
      const multicast = await this.#open({
        onPacket: (packet, source) => this.#heard(packet, source),
        onEnd: (reason) => {
          this.#multicast = undefined;
          this.#tell(reason);
        },
      });
      if (this.#stopped) multicast.close();
      return multicast;
    } catch (error) {
      this.#multicast = undefined;
      this.#tell(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** Once for each reason, however often a network comes and goes. */
  #tell(problem: string | undefined): void {
    this.#problem = problem;
    if (problem === undefined || problem === this.#logged || this.#stopped) return;
    this.#logged = problem;
    this.#use.log.info("Members cannot be looked for on the local network", { reason: problem });
  }

  #heard(packet: Uint8Array, source: string): void {
    if (this.#stopped || !this.#rate.allows(source)) return;
    const message = messageIn(packet);
    if (message?.kind === "question") this.#asked(message.id);
    if (message?.kind === "announcement") this.#announced(message.peerId, message.addresses, source);
  }

  #asked(id: number): void {
    if (id === this.#questionId) {
      for (const heard of this.#onEcho) heard();
      return;
    }
    this.#othersAsk = true;
    this.#answerSoon();
  }

  #announced(peerId: string, addresses: readonly string[], source: string): void {
    const { hints, isAway, onHint } = this.#use;
    if (peerId === this.#use.peerId || !isAway(peerId)) return;
    const isNew = hints.add(peerId, addresses, source);
    if (this.#rate.allowsAttempt(peerId)) onHint(peerId, isNew);
  }

  #chanceMs(): number {
    const [chance = 0] = this.#use.random.bytes(1);
    return jitterMs.min + (chance / 256) * (jitterMs.max - jitterMs.min);
  }
}
