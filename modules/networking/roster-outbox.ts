/** What waits to be sent to one peer. Made into frames only as the peer takes them. */

import { OperoneError } from "../../src/kernel/error.ts";
import type { NodeFacts } from "./facts.ts";
import type { RosterEntry } from "./roster-entry.ts";
import { rosterLimits } from "./roster-limits.ts";

export type Outgoing =
  | { readonly type: "entries"; readonly entries: readonly RosterEntry[] }
  | { readonly type: "facts"; readonly facts: readonly NodeFacts[] }
  | { readonly type: "have"; readonly issuer: string }
  | { readonly type: "want"; readonly hashes: readonly string[] }
  | { readonly type: "summary" | "done" };

export class Outbox {
  readonly #waiting: Outgoing[] = [];
  #size = 0;
  #changed = Promise.withResolvers<void>();

  /** @throws OperoneError `limited` when the peer takes too little of what it should */
  put(item: Outgoing): void {
    const size = sizeOf(item);
    if (this.#size + size > rosterLimits.outboxMax)
      throw new OperoneError(
        "limited",
        `The peer reads too slowly: ${this.#size} records wait for it, and ${rosterLimits.outboxMax} may`,
      );
    this.#size += size;
    this.#waiting.push(item);
    this.#changed.resolve();
  }

  has(type: Outgoing["type"]): boolean {
    return this.#waiting.some((item) => item.type === type);
  }

  /** Waits for the next item; undefined once the signal has aborted. */
  async take(signal: AbortSignal): Promise<Outgoing | undefined> {
    const wake = () => this.#changed.resolve();
    signal.addEventListener("abort", wake, { once: true });
    try {
      for (;;) {
        if (signal.aborted) return undefined;
        const item = this.#waiting.shift();
        if (item !== undefined) {
          this.#size -= sizeOf(item);
          return item;
        }
        this.#changed = Promise.withResolvers();
        await this.#changed.promise;
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }
}

function sizeOf(item: Outgoing): number {
  if (item.type === "entries") return 1 + item.entries.length;
  if (item.type === "facts") return 1 + item.facts.length;
  return item.type === "want" ? 1 + item.hashes.length : 1;
}
