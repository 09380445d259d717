/**
 * A file far away, opened, whose bytes are kept here once they were read. Whether the caller may open it, and which version
 * of it there is, was asked there; only the bytes of a version that was read before are not sent again.
 */
import type { ByteRange, OpenFile } from "../backend.ts";
import { type ContentCache, pieceBytes, type Version } from "./content-cache.ts";

/** Pieces that are being written while the next ones are read. */
const writesMax = 4;

/** @param source what its path is a path of: stable, and of no other backend */
export function cachedFile(file: OpenFile, cache: ContentCache, source: string): OpenFile {
  const { path, etag } = file.entry;
  // Without a validator nobody knows whether it changed.
  if (etag === undefined) return file;
  const reading = new CachedReading(file, cache, { source, path, etag });
  return {
    entry: file.entry,
    read: (signal, range) => reading.bytes(signal, range),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

class CachedReading {
  readonly #file: OpenFile;
  readonly #cache: ContentCache;
  readonly #version: Version;

  constructor(file: OpenFile, cache: ContentCache, version: Version) {
    this.#file = file;
    this.#cache = cache;
    this.#version = version;
  }

  async *bytes(signal: AbortSignal, range?: ByteRange): AsyncGenerator<Uint8Array, void> {
    const { sizeBytes } = this.#file.entry;
    const end = Math.min(range?.end ?? sizeBytes, sizeBytes);
    let at = range?.start ?? 0;
    while (at < end) {
      signal.throwIfAborted();
      const number = Math.floor(at / pieceBytes);
      const piece = await this.#cache.get(this.#version, number);
      if (piece?.length === Math.min(pieceBytes, sizeBytes - number * pieceBytes)) {
        const from = at - number * pieceBytes;
        const part = piece.subarray(from, Math.min(piece.length, end - number * pieceBytes));
        at += part.length;
        yield part;
      } else {
        for await (const part of this.#fetched(signal, number, this.#lastMissing(number, end), {
          start: at,
          end,
        })) {
          at += part.length;
          yield part;
        }
      }
    }
  }

  /** The last piece of those that follow without one that is here. */
  #lastMissing(first: number, end: number): number {
    let last = first;
    const final = Math.ceil(end / pieceBytes) - 1;
    while (last < final && !this.#cache.has(this.#version, last + 1)) last += 1;
    return last;
  }

  /** Whole pieces are read and kept; what the caller did not ask for is not given. */
  async *#fetched(
    signal: AbortSignal,
    first: number,
    last: number,
    wanted: ByteRange,
  ): AsyncGenerator<Uint8Array, void> {
    const { sizeBytes } = this.#file.entry;
    const start = first * pieceBytes;
    const range = { start, end: Math.min(sizeBytes, (last + 1) * pieceBytes) };
    const pieces = new PieceWriter(this.#cache, this.#version, first, sizeBytes);
    let at = start;
    try {
      for await (const chunk of this.#file.read(signal, range)) {
        await pieces.add(chunk);
        const part = chunk.subarray(Math.max(0, wanted.start - at), Math.max(0, wanted.end - at));
        at += chunk.length;
        if (part.length > 0) yield part;
      }
    } finally {
      await pieces.settled();
    }
  }
}

/** Puts chunks together to pieces. */
class PieceWriter {
  readonly #cache: ContentCache;
  readonly #version: Version;
  readonly #sizeBytes: number;
  readonly #writes = new Set<Promise<void>>();
  #number: number;
  #piece: Uint8Array;
  #filled = 0;

  constructor(cache: ContentCache, version: Version, first: number, sizeBytes: number) {
    this.#cache = cache;
    this.#version = version;
    this.#number = first;
    this.#sizeBytes = sizeBytes;
    this.#piece = this.#next();
  }

  async add(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + this.#piece.length - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      from += part.length;
      if (this.#filled === this.#piece.length) await this.#keep();
    }
  }

  /** What is on its way to the disk. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }

  async #keep(): Promise<void> {
    while (this.#writes.size >= writesMax) await Promise.race(this.#writes);
    const write = this.#cache
      .put(this.#version, this.#number, this.#piece)
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
    this.#number += 1;
    this.#filled = 0;
    this.#piece = this.#next();
  }

  #next(): Uint8Array {
    const left = this.#sizeBytes - this.#number * pieceBytes;
    return new Uint8Array(Math.max(1, Math.min(pieceBytes, left)));
  }
}
