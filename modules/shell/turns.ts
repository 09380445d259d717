/**
 * Who comes when all places are taken waits. A place that is given back goes to whoever has the fewest, and of these to
 * the one who waits longest; and one place is for others than whoever has all the rest.
 */
import { OperoneError } from "../../src/kernel/error.ts";

interface Waiting {
  readonly holder: string;
  readonly begin: () => void;
}

export class Turns {
  readonly #what: string;
  readonly #max: number;
  readonly #waitingMax: number;
  readonly #waiting: Waiting[] = [];
  /** Places by holder; none is 0. */
  readonly #taken = new Map<string, number>();

  /** @param what is counted, in the plural, for messages */
  constructor(what: string, max: number, waitingMax: number) {
    this.#what = what;
    this.#max = max;
    this.#waitingMax = waitingMax;
  }

  /**
   * Resolves to what gives the place back.
   *
   * @param holder who it is for
   * @throws OperoneError `limited`; the signal's reason
   */
  async take(signal: AbortSignal, holder: string): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#isFree(holder)) this.#give(holder);
    else {
      this.#assertRoom(holder);
      await this.#wait(signal, holder);
    }
    return this.#giver(holder);
  }

  #isFree(holder: string): boolean {
    const all = [...this.#taken.values()].reduce((sum, count) => sum + count, 0);
    return all < this.#max && this.#of(holder) < Math.max(1, this.#max - 1);
  }

  #of(holder: string): number {
    return this.#taken.get(holder) ?? 0;
  }

  #give(holder: string): void {
    this.#taken.set(holder, this.#of(holder) + 1);
  }

  #assertRoom(holder: string): void {
    const own = this.#waiting.filter((one) => one.holder === holder).length;
    if (this.#waiting.length < this.#waitingMax && own < Math.ceil(this.#waitingMax / 2)) return;
    throw new OperoneError(
      "limited",
      `${this.#waiting.length} ${this.#what} wait already, ${own} of them yours; try again when some are done`,
    );
  }

  async #wait(signal: AbortSignal, holder: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { holder, begin: resolve };
    const onAbort = () => {
      const at = this.#waiting.indexOf(waiting);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    this.#waiting.push(waiting);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #giver(holder: string): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const left = this.#of(holder) - 1;
      if (left > 0) this.#taken.set(holder, left);
      else this.#taken.delete(holder);
      this.#next();
    };
  }

  #next(): void {
    // The sort keeps the order of those that have equally many.
    const [next] = this.#waiting
      .filter((one) => this.#isFree(one.holder))
      .toSorted((a, b) => this.#of(a.holder) - this.#of(b.holder));
    if (next === undefined) return;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    // Before it goes on, so that nobody comes in between.
    this.#give(next.holder);
    next.begin();
  }
}
