/**
 * The central directory of a zip (PKWARE's APPNOTE 6.3.10, chapter 4), with zip64. Only this counts: what stands before
 * the files is compared when they are read.
 */
import type { OpenFile } from "../backend.ts";
import { textOfName } from "../name-text.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { ByteWindow, rangeOf, turn } from "./byte-window.ts";
import { broken, isWindowsPath, kindOfMode, type Member, MemberTree, tooLarge } from "./member-tree.ts";
import { ZipFields } from "./zip-fields.ts";
import { readPacked } from "./zip-member.ts";

const endBytes = 22;
const commentBytesMax = 65_535;
const recordBytes = 46;
const localBytes = 30;
/** What a link says. */
const targetBytesMax = 4_096;

interface Directory {
  /** Of the directory in the file. */
  readonly start: number;
  readonly end: number;
  readonly entries: number;
  /** What stands before the zip, such as a program that unpacks it: every place in it is that much further. */
  readonly before: number;
}

interface ZipRecord {
  readonly name: Uint8Array;
  readonly start: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  readonly method: number;
  readonly crc32: number;
  readonly isEncrypted: boolean;
  readonly modifiedMs: number;
  /** With the kind; undefined where none was kept. */
  readonly mode: number | undefined;
}

interface ZipSource {
  readonly file: OpenFile;
  readonly shown: string;
  readonly limits: ArchiveLimits;
  readonly signal: AbortSignal;
}

/** @throws OperoneError `conflict` for what is broken or lies, `too_large` */
export async function zipTree(source: ZipSource): Promise<MemberTree> {
  const directory = await found(source);
  const records = await recordsOf(source, directory);
  const ends = endsOf(source, directory, records);
  const tree = new MemberTree(source.limits, source.shown);
  for (const [at, record] of records.entries()) {
    if (at % 1_000 === 999) await turn();
    await add(source, tree, record, ends[at] ?? 0);
  }
  return tree;
}

async function found({ file, shown, signal }: ZipSource): Promise<Directory> {
  const { sizeBytes } = file.entry;
  const from = Math.max(0, sizeBytes - endBytes - commentBytesMax);
  const tail = new ZipFields(await rangeOf(file, signal, from, sizeBytes));
  for (let at = tail.length - endBytes; at >= 0; at -= 1) {
    // The comment reaches to the end, so that one in which another end is written does not count for it.
    if (tail.u32(at) !== 0x06054b50 || at + endBytes + tail.u16(at + 20) !== tail.length) continue;
    const plain = {
      entries: tail.u16(at + 10),
      size: tail.u32(at + 12),
      start: tail.u32(at + 16),
      end: from + at,
    };
    if (tail.u16(at + 4) !== 0 && tail.u16(at + 4) !== 0xffff)
      throw broken(shown, "it is one part of several");
    const isLarge = plain.entries === 0xffff || plain.size === 0xffffffff || plain.start === 0xffffffff;
    const { entries, size, start, end } = isLarge ? await large({ file, shown, signal }, plain) : plain;
    const before = end - size - start;
    if (before < 0) throw broken(shown, "its directory does not fit into it");
    return { start: start + before, end, entries, before };
  }
  throw broken(shown, "the end of the zip is missing");
}

interface End {
  readonly entries: number;
  readonly size: number;
  readonly start: number;
  readonly end: number;
}

/** Zip64: the locator stands right before the old end, and names where the new one is. */
async function large({ file, shown, signal }: Omit<ZipSource, "limits">, plain: End): Promise<End> {
  const at = Math.max(0, plain.end - 20);
  const locator = new ZipFields(await rangeOf(file, signal, at, plain.end));
  if (locator.u32(0) !== 0x07064b50) return plain;
  const where = locator.u64(8);
  // Where something stands before the zip, it is right before its locator.
  for (const end of [where, at - 56]) {
    if (end < 0 || end + 56 > at) continue;
    const record = new ZipFields(await rangeOf(file, signal, end, end + 56));
    if (record.u32(0) === 0x06064b50)
      return { entries: record.u64(32), size: record.u64(40), start: record.u64(48), end };
  }
  throw broken(shown, "its zip64 directory is missing");
}

async function recordsOf(
  source: ZipSource,
  { start, end, entries, before }: Directory,
): Promise<ZipRecord[]> {
  const { shown, limits } = source;
  if (entries > limits.entriesMax)
    throw tooLarge(shown, `it holds ${entries} entries, and ${limits.entriesMax} are the most`);
  const bytes = new ByteWindow(source.file, source.signal);
  const records: ZipRecord[] = [];
  let at = start;
  let namesBytes = 0;
  while (records.length < entries) {
    const head = new ZipFields(await bytes.at(at, recordBytes));
    if (head.length < recordBytes || head.u32(0) !== 0x02014b50 || at + recordBytes > end)
      throw broken(shown, "its directory is broken");
    const [nameBytes, extraBytes, commentBytes] = [head.u16(28), head.u16(30), head.u16(32)];
    namesBytes += nameBytes;
    if (namesBytes > limits.namesBytesMax)
      throw tooLarge(shown, `its names take more than ${limits.namesBytesMax} bytes`);
    const rest = await bytes.at(at + recordBytes, nameBytes + extraBytes);
    if (rest.length < nameBytes + extraBytes) throw broken(shown, "its directory is cut off");
    const record = head.record(rest.slice(0, nameBytes), new ZipFields(rest.slice(nameBytes)));
    records.push({ ...record, start: record.start + before });
    at += recordBytes + nameBytes + extraBytes + commentBytes;
  }
  return records;
}

/**
 * Where each one's bytes must have ended: at the next one. Files that share bytes make petabytes of a few megabytes
 * (Fifield, "A better zip bomb", 2019), and no honest program writes them.
 */
function endsOf({ shown, limits }: ZipSource, directory: Directory, records: readonly ZipRecord[]): number[] {
  const order = Array.from(records.keys()).sort(
    (a, b) => (records[a]?.start ?? 0) - (records[b]?.start ?? 0),
  );
  const ends = new Array<number>(records.length).fill(directory.start);
  for (const [at, index] of order.entries()) {
    const record = records[index];
    if (record === undefined) continue;
    const next = order[at + 1];
    const end = next === undefined ? directory.start : (records[next]?.start ?? directory.start);
    ends[index] = Math.min(end, directory.start);
    const name = textOfName(record.name.subarray(0, 200));
    if (record.start + localBytes + record.name.length + record.packedBytes > (ends[index] ?? 0))
      throw broken(shown, `"${name}" in it overlaps with another file, as in a bomb`);
    const ratioBytes = limits.ratioFreeBytes + record.packedBytes * limits.ratioMax;
    if (record.method === 8 && record.sizeBytes > ratioBytes)
      throw tooLarge(shown, `"${name}" in it claims ${record.sizeBytes} bytes from ${record.packedBytes}`);
  }
  return ends;
}

async function add(source: ZipSource, tree: MemberTree, record: ZipRecord, endMax: number): Promise<void> {
  const { name, modifiedMs, mode } = record;
  if (isWindowsPath(name))
    throw broken(
      source.shown,
      `the name "${textOfName(name.subarray(0, 200))}" in it is one of Windows, with a drive or backslashes`,
    );
  const isFolder = name.at(-1) === 0x2f;
  const kind = isFolder ? "directory" : kindOfMode(mode ?? 0);
  // Rights beyond these would make a program of another user out of what came from anywhere.
  const facts = { modifiedMs, ...(mode === undefined ? {} : { mode: mode & 0o777 }) };
  const member = memberOf(record, endMax);
  if (kind === "directory") tree.add(name, { kind, ...facts });
  else if (kind === "file") tree.add(name, { kind, ...facts, member });
  else if (kind === "other" || member.unreadable !== undefined || member.sizeBytes > targetBytesMax)
    tree.add(name, { kind: "other", ...facts });
  else {
    const parts = await Array.fromAsync(readPacked({ ...source, member }));
    tree.add(name, { kind: "link", ...facts, target: textOfName(Buffer.concat(parts)) });
  }
}

function memberOf(record: ZipRecord, endMax: number): Member {
  const { start, sizeBytes, method, crc32, isEncrypted } = record;
  const packed = { sizeBytes: record.packedBytes, method, crc32, endMax };
  const unreadable = isEncrypted
    ? "it is encrypted; unpack the archive with its password, and mount the folder"
    : method !== 0 && method !== 8
      ? `it is packed by method ${method}, and only stored (0) and deflated (8) can be read; pack it anew`
      : undefined;
  return { start, sizeBytes, packed, ...(unreadable === undefined ? {} : { unreadable }) };
}
