/** When tokens were last used. Kept in memory and written together, so that no call waits for the disk because of it. */
import type { Clock, Log } from "../../src/kernel/ports.ts";

/** A node that is killed forgets the uses of this time. */
const writeAfterMs = 60_000;

export interface UsesInput {
  readonly clock: Clock;
  readonly log: Log;
  /** Unix milliseconds by token. */
  write(uses: ReadonlyMap<string, number>): void;
}

export class Uses {
  readonly #use: UsesInput;
  /** Bounded by the number of live tokens. */
  readonly #unwritten = new Map<string, number>();
  #stopTimer: (() => void) | undefined;

  constructor(use: UsesInput) {
    this.#use = use;
  }

  mark(id: string): void {
    const { clock } = this.#use;
    this.#unwritten.set(id, clock.nowMs());
    this.#stopTimer ??= clock.after(writeAfterMs, () => this.write());
  }

  /** What is not on the disk yet. */
  at(id: string): number | undefined {
    return this.#unwritten.get(id);
  }

  write(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#unwritten.size === 0) return;
    try {
      this.#use.write(this.#unwritten);
    } catch (error) {
      this.#use.log.warn("When tokens were last used could not be written", { error: String(error) });
    }
    this.#unwritten.clear();
  }
}
