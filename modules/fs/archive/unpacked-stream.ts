/** A compressed archive as it unpacks, from its beginning on: there is no other way into gzip and zstd. */
import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { OpenFile } from "../backend.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import type { ForwardBytes } from "./byte-window.ts";
import { broken, tooLarge } from "./member-tree.ts";

const chunkBytes = 128 * 1024;

export type Compression = "gzip" | "zstd";

export interface Unpacking {
  readonly file: OpenFile;
  readonly compression: Compression;
  readonly shown: string;
  readonly limits: ArchiveLimits;
}

export class UnpackedStream implements ForwardBytes {
  readonly #of: Unpacking;
  readonly #stop = new AbortController();
  readonly #bytes: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  /** Of the first byte of the rest. */
  #position = 0;

  constructor(of: Unpacking) {
    this.#of = of;
    this.#bytes = this.#unpacked();
  }

  /** Nothing before it is given any more. */
  get position(): number {
    return this.#position;
  }

  async at(start: number, length: number): Promise<Uint8Array> {
    await this.#skipTo(start);
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      const chunk = await this.#take(missing);
      if (chunk === undefined) break;
      parts.push(chunk);
      missing -= chunk.length;
    }
    return parts.length === 1 ? (parts[0] ?? this.#rest) : Buffer.concat(parts);
  }

  /** Past all that is left. @throws OperoneError `conflict` where the checksum is wrong */
  async toEnd(): Promise<void> {
    await this.#skipTo(Number.POSITIVE_INFINITY);
  }

  /** The bytes from `start` to `end`. @throws OperoneError `conflict` when there are fewer */
  async *range(signal: AbortSignal, start: number, end: number): AsyncGenerator<Uint8Array, void> {
    const stop = () => this.#stop.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      signal.throwIfAborted();
      await this.#skipTo(start);
      for (let at = start; at < end; at = this.#position) {
        signal.throwIfAborted();
        const chunk = await this.#take(end - at);
        if (chunk === undefined) throw broken(this.#of.shown, "it is cut off");
        yield chunk;
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new OperoneError("cancelled", "The archive is not needed any more"));
    await this.#bytes.return?.();
  }

  async #skipTo(start: number): Promise<void> {
    while (this.#position < start) if ((await this.#take(start - this.#position)) === undefined) return;
  }

  /** At most that many; undefined at the end. */
  async #take(length: number): Promise<Uint8Array | undefined> {
    if (this.#rest.length === 0) {
      const next = await this.#bytes.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const chunk = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(chunk.length);
    this.#position += chunk.length;
    return chunk;
  }

  async *#unpacked(): AsyncGenerator<Uint8Array, void> {
    const { compression, file, shown } = this.#of;
    const { signal } = this.#stop;
    const source = Readable.from(file.read(signal), { objectMode: false });
    const unpack =
      compression === "gzip"
        ? createGunzip({ chunkSize: chunkBytes })
        : createZstdDecompress({ chunkSize: chunkBytes });
    source.on("error", (error) => unpack.destroy(error));
    const stop = () => unpack.destroy(new OperoneError("cancelled", "The read was cancelled"));
    signal.addEventListener("abort", stop, { once: true });
    let sizeBytes = 0;
    try {
      signal.throwIfAborted();
      for await (const chunk of source.pipe(unpack)) {
        sizeBytes += chunk.length;
        this.#assertModest(sizeBytes);
        yield chunk;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof OperoneError) throw error;
      throw broken(shown, `its ${compression} stream is damaged or cut off`);
    } finally {
      signal.removeEventListener("abort", stop);
      source.destroy();
      unpack.destroy();
    }
  }

  #assertModest(sizeBytes: number): void {
    const { limits, shown, file } = this.#of;
    const most = Math.min(
      limits.unpackedBytesMax,
      limits.ratioFreeBytes + file.entry.sizeBytes * limits.ratioMax,
    );
    if (sizeBytes > most) throw tooLarge(shown, `it unpacks to more than ${most} bytes, as a bomb does`);
  }
}
