/**
 * Finds out that another living node has this node's key, because somebody copied the data directory. Its facts come
 * in, signed with our key, and we did not make them. One such statement may be older than we are: made before a backup
 * was restored here. So it is answered with a newer one of ours, and only a living node answers that.
 */
import type { Clock, Log } from "../../src/kernel/ports.ts";
import type { NodeFacts } from "./facts.ts";

/** Two nodes that contradict each other do so for ever, and every member hears it. */
const answerEveryMs = 20_000;
/** A twin that is gone is forgotten; a living one speaks up more often. */
const forgetAfterMs = 30 * 60_000;

/** What the other one says of itself. */
export interface Twin {
  readonly name: string;
  /** Multiaddrs. */
  readonly addresses: readonly string[];
}

export class TwinWatch {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #answer: () => void;
  #foreignCount = 0;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #found: { readonly twin: Twin; readonly atMs: number } | undefined;
  #cancelAnswer: (() => void) | undefined;

  /** @param answer signs and spreads this node's own facts again */
  constructor(clock: Clock, log: Log, answer: () => void) {
    this.#clock = clock;
    this.#log = log;
    this.#answer = answer;
  }

  /** Facts with this node's key came from another node. */
  heard({ name, addresses }: Pick<NodeFacts, "name" | "addresses">): void {
    this.#foreignCount += 1;
    if (this.#foreignCount > 1) {
      const isNew = this.twin() === undefined;
      this.#found = { twin: { name, addresses }, atMs: this.#clock.monotonicMs() };
      if (isNew) this.#log.error("Another living node has the same key as this one", { name, addresses });
    }
    this.#answerLater();
  }

  /** Undefined while there is no sign of one. */
  twin(): Twin | undefined {
    if (this.#found === undefined) return undefined;
    return this.#clock.monotonicMs() - this.#found.atMs > forgetAfterMs ? undefined : this.#found.twin;
  }

  stop(): void {
    this.#cancelAnswer?.();
  }

  #answerLater(): void {
    if (this.#cancelAnswer !== undefined) return;
    const pauseMs = Math.max(0, this.#answeredAtMs + answerEveryMs - this.#clock.monotonicMs());
    this.#cancelAnswer = this.#clock.after(pauseMs, () => {
      this.#cancelAnswer = undefined;
      this.#answeredAtMs = this.#clock.monotonicMs();
      this.#answer();
    });
  }
}
