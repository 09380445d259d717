/** Ends workers that make no step any more: a disk that does not answer, most often. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Clock } from "../../../src/kernel/ports.ts";
import type { SearchWorker } from "./search-worker.ts";

/** Without one step in this time a worker is stuck. */
export const stuckMsUsual = 15_000;
/** Looks in that time. */
const looks = 10;

export class WorkerWatch implements Disposable {
  readonly #clock: Clock;
  readonly #workers: readonly SearchWorker[];
  readonly #stuckMs: number;
  readonly #seen = new Map<SearchWorker, { readonly steps: number; readonly atMs: number }>();
  #cancel = () => {};

  constructor(clock: Clock, workers: readonly SearchWorker[], stuckMs: number) {
    this.#clock = clock;
    this.#workers = workers;
    this.#stuckMs = stuckMs;
    this.#look();
  }

  #look(): void {
    const atMs = this.#clock.monotonicMs();
    for (const worker of this.#workers) {
      const { steps } = worker;
      const last = this.#seen.get(worker);
      if (!worker.busy || last?.steps !== steps) this.#seen.set(worker, { steps, atMs });
      else if (atMs - last.atMs >= this.#stuckMs) worker.end(this.#stuck(worker));
    }
    this.#cancel = this.#clock.after(this.#stuckMs / looks, () => this.#look());
  }

  #stuck({ position }: SearchWorker): OperoneError {
    const where = position === undefined ? "what was given to a thread" : `"${position}"`;
    return new OperoneError(
      "deadline",
      `The search of ${where} took too long (no step in ${this.#stuckMs} ms) and was given up; search in less, leave that out, or try a simpler pattern`,
    );
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }
}
