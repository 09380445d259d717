/** Who comes when all places are taken waits, first come first served. */
import { OperoneError } from "../../src/kernel/error.ts";

export class Turns {
  readonly #what: string;
  readonly #max: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  /** @param what is counted, in the plural, for messages */
  constructor(what: string, max: number, waitingMax: number) {
    this.#what = what;
    this.#max = max;
    this.#waitingMax = waitingMax;
  }

  /** Resolves to what gives the place back. @throws OperoneError `limited`; the signal's reason */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < this.#max) {
      this.#taken += 1;
      return this.#giver();
    }
    if (this.#waiting.length >= this.#waitingMax) {
      throw new OperoneError(
        "limited",
        `${this.#waitingMax} ${this.#what} wait already; try again when some are done`,
      );
    }
    await this.#wait(signal);
    return this.#giver();
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      const at = this.#waiting.indexOf(resolve);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    this.#waiting.push(resolve);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** The place passes on to the one who waits longest, or is free. */
  #giver(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken -= 1;
      else next();
    };
  }
}
