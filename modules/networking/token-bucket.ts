/** A rate limit: a bucket that fills slowly, and from which each admission takes one token. */
import type { Clock } from "../../src/kernel/ports.ts";

export interface BucketOptions {
  /** What may be taken at once after a rest. */
  readonly tokensMax: number;
  /** One token comes back in this time. */
  readonly refillMs: number;
}

export class TokenBucket {
  readonly #clock: Clock;
  readonly #options: BucketOptions;
  #tokens: number;
  #atMs: number;

  constructor(clock: Clock, options: BucketOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#tokens = options.tokensMax;
    this.#atMs = clock.monotonicMs();
  }

  /** False when there is none. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const { tokensMax, refillMs } = this.#options;
    this.#tokens = Math.min(tokensMax, this.#tokens + (nowMs - this.#atMs) / refillMs);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
