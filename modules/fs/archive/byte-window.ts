/** Bytes of an archive by their place, a little more than asked for at a time: headers lie close together. */
import type { OpenFile } from "../backend.ts";

export interface ForwardBytes {
  /**
   * As many as asked for, fewer at the end. The places asked for only grow.
   *
   * @param length at most 1 MiB
   */
  at(start: number, length: number): Promise<Uint8Array>;
}

const aheadBytes = 64 * 1024;

export class ByteWindow implements ForwardBytes {
  readonly #file: OpenFile;
  readonly #signal: AbortSignal;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(file: OpenFile, signal: AbortSignal) {
    this.#file = file;
    this.#signal = signal;
  }

  async at(start: number, length: number): Promise<Uint8Array> {
    const from = start - this.#start;
    if (from >= 0 && from + length <= this.#bytes.length) return this.#bytes.subarray(from, from + length);
    await turn();
    const end = Math.min(start + Math.max(length, aheadBytes), this.#file.entry.sizeBytes);
    this.#bytes = end <= start ? new Uint8Array(0) : await rangeOf(this.#file, this.#signal, start, end);
    this.#start = start;
    return this.#bytes.subarray(0, length);
  }
}

/** In memory: for what is known to be small. */
export async function rangeOf(
  file: OpenFile,
  signal: AbortSignal,
  start: number,
  end: number,
): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(file.read(signal, { start, end })));
}

/** Others come first: where the bytes are in memory, nothing else would let them. */
export async function turn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
