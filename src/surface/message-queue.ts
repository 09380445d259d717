/** Messages that have come and are not read yet. */
import { OperoneError } from "../kernel/error.ts";

interface Waiting {
  readonly message: unknown;
  readonly sizeBytes: number;
}

/** For one reader. What is in it when it ends is still read. */
export class MessageQueue implements AsyncIterableIterator<unknown, void> {
  readonly #countMax: number;
  readonly #bytesMax: number;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #ended = false;
  #wake: () => void = () => {};

  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  /** @throws OperoneError `limited` when the reader is too far behind: a WebSocket cannot be told to wait */
  push(message: unknown, sizeBytes: number): void {
    if (this.#ended) return;
    if (this.#waiting.length >= this.#countMax || this.#bytes + sizeBytes > this.#bytesMax) {
      throw new OperoneError(
        "limited",
        `${this.#waiting.length} messages of ${this.#bytes} bytes wait to be read, and more were sent; send them more slowly`,
      );
    }
    this.#waiting.push({ message, sizeBytes });
    this.#bytes += sizeBytes;
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async next(): Promise<IteratorResult<unknown, void>> {
    for (;;) {
      const first = this.#waiting.shift();
      if (first !== undefined) {
        this.#bytes -= first.sizeBytes;
        return { done: false, value: first.message };
      }
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async return(): Promise<IteratorResult<unknown, void>> {
    this.#waiting.length = 0;
    this.#bytes = 0;
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
