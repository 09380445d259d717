/**
 * Records that one other node may cause by reading, or by asking for what it may not do. More of them would push out
 * the record of what somebody destroyed, so beyond the budget they are counted, and a record a minute says how many.
 */
import type { Clock } from "./ports.ts";

/** Of one node: at once after a rest, and the time in which one comes back. With the summaries some 2,900 a day. */
export const recordBudget = { burstMax: 120, refillMs: 60_000, summaryMs: 60_000 } as const;
/** Nodes that are remembered; beyond it, those with nothing to tell are forgotten. */
const sharersMax = 1_024;

interface Sharer {
  left: number;
  atMs: number;
  /** Calls without a record of their own since the last summary. */
  count: number;
}

export class RecordBudget {
  readonly #clock: Clock;
  readonly #summary: (sharedBy: string, count: number) => void;
  readonly #sharers = new Map<string, Sharer>();

  /** @param summary called once a minute for a node with calls that were only counted */
  constructor(clock: Clock, summary: (sharedBy: string, count: number) => void) {
    this.#clock = clock;
    this.#summary = summary;
  }

  /** Whether this call gets a record of its own; if not, it was counted. */
  take(sharedBy: string): boolean {
    const { burstMax, refillMs, summaryMs } = recordBudget;
    const nowMs = this.#clock.monotonicMs();
    const sharer = this.#sharers.get(sharedBy) ?? this.#add(sharedBy, nowMs);
    sharer.left = Math.min(burstMax, sharer.left + (nowMs - sharer.atMs) / refillMs);
    sharer.atMs = nowMs;
    if (sharer.left >= 1) {
      sharer.left -= 1;
      return true;
    }
    sharer.count += 1;
    if (sharer.count === 1) this.#clock.after(summaryMs, () => this.#tell(sharedBy, sharer));
    return false;
  }

  #add(sharedBy: string, atMs: number): Sharer {
    if (this.#sharers.size >= sharersMax) {
      for (const [key, { count }] of this.#sharers) if (count === 0) this.#sharers.delete(key);
    }
    const sharer = { left: recordBudget.burstMax, atMs, count: 0 };
    this.#sharers.set(sharedBy, sharer);
    return sharer;
  }

  #tell(sharedBy: string, sharer: Sharer): void {
    const { count } = sharer;
    sharer.count = 0;
    this.#summary(sharedBy, count);
  }
}
