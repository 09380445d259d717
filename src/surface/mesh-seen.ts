/** Call ids that were used, so that a call that arrives twice runs once. */
import { createHash } from "node:crypto";
import { OperoneError } from "../kernel/error.ts";

const keptMs = 10 * 60_000;
/** Beyond it the oldest are forgotten early: memory must not grow with what peers send. */
const keptMax = 100_000;

export class SeenCalls {
  /** In the order in which they came, with the time at which they are forgotten. */
  readonly #until = new Map<bigint, number>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** @throws OperoneError `conflict` when it was added within the last 10 minutes */
  add(call: string, callId: string): void {
    // What peers choose must not be kept 100,000 times, however long it is.
    const key = shortHash(call);
    const nowMs = this.#monotonicMs();
    for (const [old, untilMs] of this.#until) {
      if (untilMs > nowMs && this.#until.size < keptMax) break;
      this.#until.delete(old);
    }
    if (this.#until.has(key)) {
      throw new OperoneError(
        "conflict",
        `The call ${callId} has come before and is not run again; its first answer went to whoever sent it then`,
      );
    }
    this.#until.set(key, nowMs + keptMs);
  }
}

/** 64 bits of SHA-256: whoever finds two of one hash has only a call of its own refused. */
function shortHash(text: string): bigint {
  return createHash("sha256").update(text).digest().readBigUInt64BE(0);
}
