/** Call ids that were used, so that a call that arrives twice runs once. */
import { OperoneError } from "../kernel/error.ts";

const keptMs = 10 * 60_000;
/** Beyond it the oldest are forgotten early: memory must not grow with what peers send. */
const keptMax = 100_000;

export class SeenCalls {
  /** In the order in which they came, with the time at which they are forgotten. */
  readonly #until = new Map<string, number>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** @throws OperoneError `conflict` when it was added within the last 10 minutes */
  add(key: string, callId: string): void {
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
