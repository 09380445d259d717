/** The bytes of a document as they come: looked at first, then taken piece by piece or whole. */
import { OperoneError } from "../../../src/kernel/error.ts";

/** file(1) looks at as much to know an encoding. */
const headBytes = 65_536;

export class ByteSource {
  readonly #input: AsyncIterator<Uint8Array>;
  readonly #held: Uint8Array[] = [];
  #ended = false;

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#input = input[Symbol.asyncIterator]();
  }

  /** The first bytes; they come again when the document is read. Whether that is all. */
  async head(bytesMax = headBytes): Promise<{ readonly bytes: Uint8Array; readonly whole: boolean }> {
    let length = this.#held.reduce((sum, { length }) => sum + length, 0);
    while (length < bytesMax && !this.#ended) length += (await this.#more())?.length ?? 0;
    const bytes = Buffer.concat(this.#held);
    return { bytes: bytes.subarray(0, bytesMax), whole: this.#ended && bytes.length <= bytesMax };
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) yield next;
    while (!this.#ended) {
      await this.#more();
      const next = this.#held.shift();
      if (next !== undefined) yield next;
    }
  }

  /** @throws OperoneError `too_large` */
  async whole(bytesMax: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.chunks()) {
      length += chunk.length;
      if (length > bytesMax) {
        throw new OperoneError(
          "too_large",
          `It has more than the ${bytesMax} bytes that are read of this kind`,
        );
      }
      parts.push(chunk);
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  async #more(): Promise<Uint8Array | undefined> {
    const next = await this.#input.next();
    if (next.done === true) {
      this.#ended = true;
      return undefined;
    }
    this.#held.push(next.value);
    return next.value;
  }
}
