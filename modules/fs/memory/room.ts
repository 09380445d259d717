/** The memory that a backend may take: counted before it is taken, so that it is never more. */
import { OperoneError } from "../../../src/kernel/error.ts";

export class Room {
  readonly #bytesMax: number;
  readonly #entriesMax: number;
  #usedBytes = 0;
  #entries = 0;

  constructor(bytesMax: number, entriesMax: number) {
    this.#bytesMax = bytesMax;
    this.#entriesMax = entriesMax;
  }

  get entries(): number {
    return this.#entries;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @param path for the message @throws OperoneError `unavailable` when there is not so much left */
  take(bytes: number, path: string): void {
    if (this.#usedBytes + bytes > this.#bytesMax) {
      throw new OperoneError(
        "unavailable",
        `Could not write "${path}": its memory of ${this.#bytesMax} bytes is full; remove something and try again`,
        { limitBytes: this.#bytesMax },
      );
    }
    this.#usedBytes += bytes;
  }

  /** @throws OperoneError `unavailable` as `take`, and when there are so many entries already */
  takeEntry(bytes: number, path: string): void {
    if (this.#entries >= this.#entriesMax) {
      throw new OperoneError(
        "unavailable",
        `Could not make "${path}": there are ${this.#entriesMax} files and directories already; remove something and try again`,
        { limitEntries: this.#entriesMax },
      );
    }
    this.take(bytes, path);
    this.#entries += 1;
  }

  giveEntry(bytes: number): void {
    this.give(bytes);
    this.#entries -= 1;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
