/** Chance from a seed: the same seed rolls the same. */
import { simulatedRandom } from "../../src/kernel/simulated.ts";

export class Dice {
  readonly #random;

  constructor(seed: number) {
    this.#random = simulatedRandom(seed);
  }

  /** 0 to `below - 1`. */
  roll(below: number): number {
    const [a = 0, b = 0, c = 0] = this.#random.bytes(3);
    return ((a << 16) | (b << 8) | c) % below;
  }

  chance(percent: number): boolean {
    return this.roll(100) < percent;
  }

  /** @throws Error when there is nothing to choose from */
  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.roll(Math.max(1, choices.length))];
    if (choice === undefined) throw new Error("There is nothing to choose from");
    return choice;
  }
}
