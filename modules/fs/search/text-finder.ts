/** Finds the first of several texts in a block of bytes; where each is next is remembered. */
import { Buffer } from "node:buffer";

export class TextFinder {
  readonly #needles: readonly Buffer[];
  readonly #places: number[];
  #block: Buffer | undefined;

  /** @param texts at least one, none of them empty */
  constructor(texts: readonly string[]) {
    this.#needles = texts.map((text) => Buffer.from(text));
    this.#places = texts.map(() => -2);
  }

  /** -1 for none. @param from not before that of the last call, for the same block */
  next(block: Buffer, from: number): number {
    if (this.#block !== block) {
      this.#block = block;
      this.#places.fill(-2);
    }
    let first = -1;
    for (const [at, needle] of this.#needles.entries()) {
      let place = this.#places[at] ?? -1;
      if (place !== -1 && place < from) {
        place = block.indexOf(needle, from);
        this.#places[at] = place;
      }
      if (place >= 0 && (first < 0 || place < first)) first = place;
    }
    return first;
  }

  /** Whether the block has any, whatever was asked before. */
  isIn(block: Buffer): boolean {
    return this.#needles.some((needle) => block.indexOf(needle) >= 0);
  }
}
