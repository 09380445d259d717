/**
 * How long things have lain in the trash. The machine's clock may jump by years, and nothing may be lost for that: so
 * what counts is the time that the node ran, and of the time that it did not a day at most for each start.
 */
import { open, readFile, rename } from "node:fs/promises";
import * as v from "valibot";
import type { Clock } from "../../src/kernel/ports.ts";

const downMsMax = 24 * 3_600_000;

const Kept = v.object({ seenMs: v.number(), agedMs: v.number() });

export class TrashAge {
  readonly #clock: Clock;
  readonly #path: string;
  #base: Promise<number> | undefined;
  #sinceMs = 0;
  #keeping: Promise<void> | undefined;

  /** @param path of a file of its own */
  constructor(clock: Clock, path: string) {
    this.#clock = clock;
    this.#path = path;
  }

  /** Milliseconds on a clock that only goes forward; no time of day. */
  async nowMs(): Promise<number> {
    this.#base ??= this.#load();
    return (await this.#base) + this.#clock.monotonicMs() - this.#sinceMs;
  }

  /** So that the next start goes on from here. What is lost in a crash makes things stay longer. */
  async keep(): Promise<void> {
    this.#keeping ??= this.#write().finally(() => {
      this.#keeping = undefined;
    });
    await this.#keeping;
  }

  async #write(): Promise<void> {
    const kept = { seenMs: this.#clock.nowMs(), agedMs: await this.nowMs() };
    {
      await using file = await open(`${this.#path}.new`, "w", 0o600);
      await file.writeFile(JSON.stringify(kept));
      await file.sync();
    }
    await rename(`${this.#path}.new`, this.#path);
  }

  async #load(): Promise<number> {
    this.#sinceMs = this.#clock.monotonicMs();
    try {
      const { seenMs, agedMs } = v.parse(Kept, JSON.parse(await readFile(this.#path, "utf8")));
      return agedMs + Math.min(downMsMax, Math.max(0, this.#clock.nowMs() - seenMs));
    } catch {
      // None yet, or none that can be read: then all that is there begins anew, see Trash.prune.
      return 0;
    }
  }
}
