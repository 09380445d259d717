/** How much of what is heard on the local network is listened to, and how many attempts it may cause. */
import type { Clock } from "../../src/kernel/ports.ts";
import { type BucketOptions, TokenBucket } from "./token-bucket.ts";

export interface HeardLimits {
  /** Of one sender: a loud one alone is not heard any more. */
  readonly packetsPerSource: BucketOptions;
  /** Of all, because a sender's address can be forged. */
  readonly packets: BucketOptions;
  readonly attemptsPerPeer: BucketOptions;
  readonly attempts: BucketOptions;
  /** Senders, and peers, that are told apart; beyond it the one that came first is forgotten. */
  readonly countedMax: number;
}

export const heardLimits: HeardLimits = {
  packetsPerSource: { tokensMax: 50, refillMs: 50 },
  packets: { tokensMax: 500, refillMs: 2 },
  attemptsPerPeer: { tokensMax: 3, refillMs: 10_000 },
  attempts: { tokensMax: 64, refillMs: 500 },
  countedMax: 256,
};

export class HeardRate {
  readonly #packets: TokenBucket;
  readonly #attempts: TokenBucket;
  readonly #bySource: Buckets;
  readonly #byPeer: Buckets;

  constructor(clock: Clock, limits: Partial<HeardLimits> = {}) {
    const { packets, packetsPerSource, attempts, attemptsPerPeer, countedMax } = {
      ...heardLimits,
      ...limits,
    };
    this.#packets = new TokenBucket(clock, packets);
    this.#attempts = new TokenBucket(clock, attempts);
    this.#bySource = new Buckets(clock, packetsPerSource, countedMax);
    this.#byPeer = new Buckets(clock, attemptsPerPeer, countedMax);
  }

  /** Whether a packet is looked at. */
  allows(source: string): boolean {
    return this.#bySource.take(source) && this.#packets.take();
  }

  /** Whether the peer is tried now. */
  allowsAttempt(peerId: string): boolean {
    return this.#byPeer.take(peerId) && this.#attempts.take();
  }
}

class Buckets {
  readonly #clock: Clock;
  readonly #options: BucketOptions;
  readonly #countedMax: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock, options: BucketOptions, countedMax: number) {
    this.#clock = clock;
    this.#options = options;
    this.#countedMax = countedMax;
  }

  take(key: string): boolean {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#clock, this.#options);
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > this.#countedMax && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket.take();
  }
}
