/** What is in one archive, as it was when it was looked through. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Clock } from "../../../src/kernel/ports.ts";
import type { ByteRange, OpenFile } from "../backend.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { ByteWindow, rangeOf } from "./byte-window.ts";
import type { ArchiveDirectory, Member } from "./member-tree.ts";
import { broken } from "./member-tree.ts";
import { tarTree } from "./tar-entries.ts";
import { type Compression, UnpackedStream } from "./unpacked-stream.ts";
import { zipTree } from "./zip-directory.ts";
import { readPacked } from "./zip-member.ts";

export type ArchiveFormat = "zip" | "tar" | "tar.gz" | "tar.zst";

export interface ArchiveIndex {
  readonly format: ArchiveFormat;
  /** Of the archive when it was looked through. */
  readonly etag: string;
  readonly root: ArchiveDirectory;
}

export interface Reading {
  readonly file: OpenFile;
  /** The archive, as errors name it. */
  readonly shown: string;
  readonly limits: ArchiveLimits;
  readonly signal: AbortSignal;
}

/** What tells one archive from the next at the same path. */
export function etagOf({ entry }: Pick<OpenFile, "entry">): string {
  return entry.etag ?? `${entry.sizeBytes.toString(36)}-${entry.modifiedMs.toString(36)}`;
}

/** @throws OperoneError `conflict`, `too_large`, `unsupported_media`, `deadline` */
export async function indexed(reading: Reading, clock: Clock): Promise<ArchiveIndex> {
  const { file, shown, limits } = reading;
  const stop = new AbortController();
  const late = new OperoneError(
    "deadline",
    `The archive "${shown}" could not be looked through in ${limits.timeMsMax} ms; unpack it yourself and mount the folder`,
  );
  const cancel = clock.after(limits.timeMsMax, () => stop.abort(late));
  const signal = AbortSignal.any([reading.signal, stop.signal]);
  try {
    const format = await formatOf({ ...reading, signal });
    const { root } = await treeOf({ ...reading, signal }, format);
    return { format, etag: etagOf(file), root };
  } catch (error) {
    // Whatever broke because the time was up: that is the reason.
    if (stop.signal.aborted) throw late;
    throw error;
  } finally {
    cancel();
  }
}

async function treeOf(reading: Reading, format: ArchiveFormat) {
  if (format === "zip") return await zipTree(reading);
  const { file, signal } = reading;
  if (format === "tar")
    return await tarTree({
      ...reading,
      bytes: new ByteWindow(file, signal),
      sizeBytes: file.entry.sizeBytes,
    });
  await using bytes = new UnpackedStream({ ...reading, compression: compressionOf(format) });
  const close = () => void bytes[Symbol.asyncDispose]();
  signal.addEventListener("abort", close, { once: true });
  try {
    const tree = await tarTree({ ...reading, bytes });
    // Its checksum stands behind the tar.
    await bytes.toEnd();
    return tree;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

export function compressionOf(format: ArchiveFormat): Compression {
  return format === "tar.gz" ? "gzip" : "zstd";
}

/** By the first bytes; the name says nothing. */
async function formatOf({ file, shown, signal }: Reading): Promise<ArchiveFormat> {
  const head = Buffer.from(await rangeOf(file, signal, 0, 4)).toString("hex");
  if (head.startsWith("1f8b")) return "tar.gz";
  if (head === "28b52ffd") return "tar.zst";
  if (head === "504b0304" || head === "504b0506") return "zip";
  if (head === "") throw broken(shown, "it is empty");
  // A program that unpacks itself is a zip with something before it.
  return head.startsWith("4d5a") || head === "7f454c46" ? "zip" : "tar";
}

/** Of what is not compressed as a whole: any part can be reached at once. */
export function bytesOf(reading: Reading, member: Member, range?: ByteRange): AsyncIterable<Uint8Array> {
  if (member.packed !== undefined) return readPacked({ ...reading, member, range });
  const start = Math.min(range?.start ?? 0, member.sizeBytes);
  const end = Math.min(range?.end ?? member.sizeBytes, member.sizeBytes);
  return reading.file.read(reading.signal, { start: member.start + start, end: member.start + end });
}
