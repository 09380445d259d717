/** The workers of all searches, and how many searches there may be at once. */
import { availableParallelism } from "node:os";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Clock } from "../../../src/kernel/ports.ts";
import { SearchWorker } from "./search-worker.ts";

const searchesMax = 6;
const searchesOfCallerMax = 4;
const workersOfSearchMax = 4;
/** Workers that nobody needs are let go, with their memory. */
const idleMs = 10_000;

export class Crew {
  readonly #clock: Clock;
  readonly #make: () => SearchWorker;
  readonly #idle: SearchWorker[] = [];
  readonly #callers: string[] = [];
  #cancelIdle = () => {};

  constructor(clock: Clock, make = () => new SearchWorker()) {
    this.#clock = clock;
    this.#make = make;
  }

  /**
   * Workers for one search; to be given back.
   *
   * @param caller whose search it is
   * @throws OperoneError `limited` when there are too many searches
   */
  hire(caller: string, isOwner: boolean): readonly SearchWorker[] {
    const own = this.#callers.filter((one) => one === caller).length;
    if (this.#callers.length >= searchesMax || (!isOwner && own >= searchesOfCallerMax)) {
      throw new OperoneError(
        "limited",
        `${this.#callers.length} searches are running here, ${own} of this caller's; at most ${searchesMax}, and ${searchesOfCallerMax} of one caller: wait for one to end`,
      );
    }
    this.#callers.push(caller);
    this.#cancelIdle();
    const count = Math.min(workersOfSearchMax, availableParallelism());
    return Array.from({ length: count }, () => this.#idle.pop() ?? this.#make());
  }

  giveBack(caller: string, workers: readonly SearchWorker[]): void {
    const at = this.#callers.indexOf(caller);
    if (at >= 0) this.#callers.splice(at, 1);
    for (const worker of workers) {
      if (worker.gone) continue;
      if (worker.busy || this.#idle.length >= workersOfSearchMax) worker.end(ended());
      else this.#idle.push(worker);
    }
    this.#cancelIdle();
    this.#cancelIdle = this.#clock.after(idleMs, () => this.#dismiss());
  }

  close(): void {
    this.#cancelIdle();
    this.#dismiss();
  }

  #dismiss(): void {
    for (const worker of this.#idle.splice(0)) worker.end(ended());
  }
}

function ended(): OperoneError {
  return new OperoneError("cancelled", "The search has ended");
}
