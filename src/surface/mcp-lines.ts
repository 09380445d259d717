/** Lines of text out of pieces of bytes. */
import { Buffer } from "node:buffer";
import { OperoneError } from "../kernel/error.ts";

const lineEnd = 0x0a;
const decoder = new TextDecoder("utf-8", { fatal: true });

export class LineBuffer {
  readonly #lineBytesMax: number;
  /** One piece of memory, however many pieces the line comes in: each would cost a hundred bytes beside its own. */
  #held: Uint8Array = new Uint8Array();
  #bytes = 0;
  /** Of a line that is too long, the rest is passed over. */
  #skipping = false;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that end in this piece; in place of one that is too long or no UTF-8 the error that says so. */
  *add(piece: Uint8Array): Generator<string | OperoneError> {
    let from = 0;
    for (let at = piece.indexOf(lineEnd); at >= 0; at = piece.indexOf(lineEnd, from)) {
      const line = this.#line(piece.subarray(from, at));
      if (line !== undefined) yield line;
      from = at + 1;
    }
    const rest = piece.subarray(from);
    if (rest.length === 0 || this.#skipping) return;
    if (this.#bytes + rest.length > this.#lineBytesMax) {
      this.#clear();
      this.#skipping = true;
      yield tooLong(this.#lineBytesMax);
      return;
    }
    this.#keep(rest);
  }

  /** What has no line end at the end of all. */
  *end(): Generator<string | OperoneError> {
    if (this.#bytes === 0 || this.#skipping) return;
    const line = this.#line(new Uint8Array());
    if (line !== undefined) yield line;
  }

  /** A copy: the piece belongs to whoever brought it. */
  #keep(piece: Uint8Array): void {
    const bytes = this.#bytes + piece.length;
    if (bytes > this.#held.length) {
      const grown = new Uint8Array(Math.min(this.#lineBytesMax, Math.max(bytes, 2 * this.#held.length)));
      grown.set(this.#held.subarray(0, this.#bytes));
      this.#held = grown;
    }
    this.#held.set(piece, this.#bytes);
    this.#bytes = bytes;
  }

  #line(last: Uint8Array): string | OperoneError | undefined {
    if (this.#skipping) {
      this.#skipping = false;
      return undefined;
    }
    const bytes = this.#bytes === 0 ? last : Buffer.concat([this.#held.subarray(0, this.#bytes), last]);
    this.#clear();
    if (bytes.length > this.#lineBytesMax) return tooLong(this.#lineBytesMax);
    try {
      return decoder.decode(bytes);
    } catch {
      return new OperoneError("invalid_input", "A line is not UTF-8, and JSON must be");
    }
  }

  #clear(): void {
    this.#held = new Uint8Array();
    this.#bytes = 0;
  }
}

function tooLong(lineBytesMax: number): OperoneError {
  return new OperoneError(
    "too_large",
    `A line is longer than ${lineBytesMax} bytes; send less in one message`,
  );
}
