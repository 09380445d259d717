/** Places for what runs at once, with limits for all together and for each caller. */
import type { Caller } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";

export class Slots {
  readonly #what: string;
  readonly #max: number;
  readonly #perCallerMax: number;
  readonly #taken = new Map<string, number>();
  #all = 0;

  /** @param what is counted, in the plural, for messages */
  constructor(what: string, max: number, perCallerMax: number) {
    this.#what = what;
    this.#max = max;
    this.#perCallerMax = perCallerMax;
  }

  /** @throws OperoneError `limited` */
  take({ kind, id, name }: Caller): () => void {
    const caller = `${kind} ${id}`;
    const own = this.#taken.get(caller) ?? 0;
    if (this.#all >= this.#max || own >= this.#perCallerMax) {
      throw new OperoneError(
        "limited",
        `${own} ${this.#what} of ${name} are running, ${this.#all} in all, and this node allows ${this.#perCallerMax} and ${this.#max}; wait for some to end`,
      );
    }
    this.#all += 1;
    this.#taken.set(caller, own + 1);
    return () => {
      this.#all -= 1;
      const left = (this.#taken.get(caller) ?? 1) - 1;
      if (left === 0) this.#taken.delete(caller);
      else this.#taken.set(caller, left);
    };
  }
}
