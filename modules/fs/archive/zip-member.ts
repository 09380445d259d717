/** The bytes of one file of a zip, as they come; what they turn out to be is held against what the directory says. */
import { Readable } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { ByteRange, OpenFile } from "../backend.ts";
import { rangeOf } from "./byte-window.ts";
import { broken, type Member, type PackedMember } from "./member-tree.ts";
import { ZipFields } from "./zip-fields.ts";

const localBytes = 30;
const chunkBytes = 128 * 1024;

export interface PackedRead {
  readonly file: OpenFile;
  readonly shown: string;
  readonly member: Member;
  readonly signal: AbortSignal;
  readonly range?: ByteRange | undefined;
}

/**
 * Runs in this process: zlib works on threads of its own, a chunk at a time, into a buffer of fixed size, so neither
 * memory nor a turn of the event loop grows with what the archive says.
 *
 * @throws OperoneError `conflict` for bytes that are not what the directory says
 */
export async function* readPacked(read: PackedRead): AsyncGenerator<Uint8Array, void> {
  const { file, shown, member, signal } = read;
  const { packed } = member;
  if (packed === undefined) throw broken(shown, "it has no such file");
  const data = await dataStart(read, packed);
  const start = Math.min(read.range?.start ?? 0, member.sizeBytes);
  const end = Math.min(read.range?.end ?? member.sizeBytes, member.sizeBytes);
  if (packed.method === 0) {
    const bytes = file.read(signal, { start: data + start, end: data + end });
    yield* start === 0 && end === member.sizeBytes ? checked(read, packed, bytes) : bytes;
    return;
  }
  const whole = checked(read, packed, inflated(read, data, data + packed.sizeBytes));
  yield* part(whole, start, end, end === member.sizeBytes);
}

async function dataStart({ file, shown, member, signal }: PackedRead, packed: PackedMember): Promise<number> {
  const head = new ZipFields(await rangeOf(file, signal, member.start, member.start + localBytes));
  if (head.u32(0) !== 0x04034b50 || head.u16(8) !== packed.method)
    throw broken(shown, "a file in it is not where its directory says");
  const start = member.start + localBytes + head.u16(26) + head.u16(28);
  if (start + packed.sizeBytes > packed.endMax) throw broken(shown, "files in it overlap");
  if (packed.method === 0 && packed.sizeBytes !== member.sizeBytes)
    throw broken(shown, "a file in it has two sizes");
  return start;
}

async function* inflated(
  { file, shown, signal }: PackedRead,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array, void> {
  const source = Readable.from(file.read(signal, { start, end }), { objectMode: false });
  const inflate = createInflateRaw({ chunkSize: chunkBytes });
  source.on("error", (error) => inflate.destroy(error));
  const stop = () => inflate.destroy(reasonOf(signal));
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of source.pipe(inflate)) yield chunk;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof OperoneError) throw error;
    throw broken(shown, "a file in it is damaged");
  } finally {
    signal.removeEventListener("abort", stop);
    source.destroy();
    inflate.destroy();
  }
}

async function* checked(
  { shown, member }: PackedRead,
  packed: PackedMember,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let sizeBytes = 0;
  let sum = 0;
  for await (const chunk of bytes) {
    sizeBytes += chunk.length;
    if (sizeBytes > member.sizeBytes) throw broken(shown, "a file in it is longer than its directory says");
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sizeBytes === member.sizeBytes && sum === packed.crc32) return;
  throw broken(shown, "a file in it has not the size or the checksum that its directory says");
}

/** @param toEnd look also at what comes behind, where the checksum is told */
async function* part(
  bytes: AsyncIterable<Uint8Array>,
  start: number,
  end: number,
  toEnd: boolean,
): AsyncGenerator<Uint8Array, void> {
  let at = 0;
  for await (const chunk of bytes) {
    const from = Math.max(0, start - at);
    const to = Math.min(chunk.length, end - at);
    if (from < to) yield chunk.subarray(from, to);
    at += chunk.length;
    if (!toEnd && at >= end) return;
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error
    ? signal.reason
    : new OperoneError("cancelled", "The read was cancelled");
}
