/** From a judged request to a proven caller. */
import type { Clock } from "../../src/kernel/ports.ts";
import type { Credentials, Identity } from "../access/contract.ts";
import { type Door, judge, type Refusal, tooManyWrong, wrongToken } from "./guard.ts";

export type Admission = { readonly refused: Refusal } | { readonly identity: Identity };

export interface GateOptions {
  readonly credentials: Credentials;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly failedLoginsPerSecondMax: number;
}

/** At once where no token has to be looked at. */
export type Gate = (door: Door, request: Pick<Request, "headers" | "url">) => Admission | Promise<Admission>;

export function createGate({ credentials, clock, failedLoginsPerSecondMax }: GateOptions): Gate {
  const failures = new FailureWindow(clock, failedLoginsPerSecondMax);
  const known = new KnownTokens();
  const admit = async (token: string): Promise<Admission> => {
    // Guesses are not even looked at in a flood, but who has been let in before is.
    if (failures.full && !known.has(token)) return { refused: tooManyWrong };
    const identity = await credentials.authenticate(token);
    if (identity === undefined) {
      failures.add();
      return { refused: wrongToken };
    }
    known.add(token);
    return { identity };
  };
  return (door, request) => {
    const verdict = judge(door, request);
    if ("refused" in verdict) return verdict;
    return "owner" in verdict ? { identity: credentials.owner() } : admit(verdict.token);
  };
}

const windowMs = 1_000;

/** Counts what failed in the current second. */
class FailureWindow {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #max: number;
  #count = 0;
  #endsMs = 0;

  constructor(clock: Pick<Clock, "monotonicMs">, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  get full(): boolean {
    return this.#count >= this.#max && this.#clock.monotonicMs() < this.#endsMs;
  }

  add(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#endsMs) {
      this.#endsMs = nowMs + windowMs;
      this.#count = 0;
    }
    this.#count++;
  }
}

const knownMax = 256;

/**
 * Tokens that were good, as numbers that mean nothing outside of this process. Being in here lets nobody in, so a
 * collision does no harm.
 */
class KnownTokens {
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  readonly #hashes = new Set<number>();

  has(token: string): boolean {
    return this.#hashes.has(this.#hash(token));
  }

  add(token: string): void {
    const hash = this.#hash(token);
    if (this.#hashes.has(hash)) return;
    if (this.#hashes.size >= knownMax) {
      const [oldest] = this.#hashes;
      if (oldest !== undefined) this.#hashes.delete(oldest);
    }
    this.#hashes.add(hash);
  }

  #hash(token: string): number {
    return Bun.hash.murmur32v3(token, this.#seed);
  }
}
