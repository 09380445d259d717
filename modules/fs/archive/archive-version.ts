/** One state of the archive: what is in it, held open as long as somebody reads of it. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Clock } from "../../../src/kernel/ports.ts";
import type { ByteRange } from "../backend.ts";
import { type ArchiveIndex, bytesOf, compressionOf, type Reading } from "./archive-index.ts";
import type { Member } from "./member-tree.ts";
import { StreamPool } from "./stream-pool.ts";
import { UnpackedStream } from "./unpacked-stream.ts";

type Source = Omit<Reading, "signal">;

export class ArchiveVersion {
  readonly index: ArchiveIndex;
  readonly #source: Source;
  readonly #pool: StreamPool;
  /** The mount's own counts as one. */
  #users = 1;

  constructor(index: ArchiveIndex, source: Source, clock: Clock) {
    this.index = index;
    this.#source = source;
    this.#pool = new StreamPool(clock);
  }

  hold(): void {
    this.#users += 1;
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    await this.#pool[Symbol.asyncDispose]();
    await this.#source.file[Symbol.asyncDispose]();
  }

  read(member: Member, signal: AbortSignal, range?: ByteRange): AsyncIterable<Uint8Array> {
    const { format } = this.index;
    if (format === "zip" || format === "tar") return bytesOf({ ...this.#source, signal }, member, range);
    return this.#unpacked(member, signal, range);
  }

  async *#unpacked(member: Member, signal: AbortSignal, range?: ByteRange): AsyncGenerator<Uint8Array, void> {
    const start = member.start + Math.min(range?.start ?? 0, member.sizeBytes);
    const end = member.start + Math.min(range?.end ?? member.sizeBytes, member.sizeBytes);
    if (start >= end) return;
    const compression = compressionOf(this.index.format);
    const stream = this.#pool.take(start) ?? new UnpackedStream({ ...this.#source, compression });
    let isGood = false;
    try {
      yield* stream.range(signal, start, end);
      isGood = true;
    } finally {
      if (isGood) await this.#pool.give(stream);
      else await stream[Symbol.asyncDispose]();
    }
  }
}

export function changed(shown: string): OperoneError {
  return new OperoneError("conflict", `The archive "${shown}" was changed while it was read; read again`);
}
