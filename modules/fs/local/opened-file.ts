/** A file that is held open, and its bytes. */
import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { ByteRange, Entry, OpenFile } from "../backend.ts";
import { explained } from "../system-error.ts";

/** One read. Large enough for the disk's full speed, small enough for many streams at once. */
const chunkBytes = 256 * 1024;

export function openFile(file: FileHandle, entry: Entry, facts: BigIntStats): OpenFile {
  return {
    entry,
    read: (signal, range) => chunksOf(file, entry, facts, signal, range),
    // Nothing was written through it, so there is nothing to wait for.
    async [Symbol.asyncDispose]() {
      void file.close().catch(() => {});
    },
  };
}

/** Files of which the system does not know the size, as under /proc, are read to their end. */
async function* chunksOf(
  file: FileHandle,
  { path, sizeBytes }: Entry,
  facts: BigIntStats,
  signal: AbortSignal,
  range?: ByteRange,
): AsyncGenerator<Uint8Array, void> {
  const isUnknown = sizeBytes === 0 && facts.blocks === 0n;
  let at = range?.start ?? 0;
  const end = Math.min(
    range?.end ?? Number.POSITIVE_INFINITY,
    isUnknown ? Number.POSITIVE_INFINITY : sizeBytes,
  );
  while (at < end) {
    signal.throwIfAborted();
    // A new buffer each time: the reader may keep what it was given.
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - at));
    const { bytesRead } = await explained("read", path, () => file.read(chunk, 0, chunk.length, at));
    if (bytesRead === 0) {
      if (isUnknown) return;
      throw new OperoneError("conflict", `"${path}" became shorter while it was read; read it again`);
    }
    at += bytesRead;
    yield bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead);
  }
}
