/**
 * The output of one command on disk: the newest bytes, with cursors that count from its very first byte. Segments are
 * files named by the cursor of their first byte; beyond the limit the oldest goes. In a segment each chunk has a head
 * of 5 bytes: the stream's number and the length (big endian). What a crash cut off in the middle of a chunk ends it.
 *
 * Calls block for the time that the page cache takes. Nothing is flushed to the disk: the bytes survive this process,
 * and not a power cut.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  writevSync,
} from "node:fs";
import { join } from "node:path";

export interface OutputChunk {
  /** 0 or 1. */
  readonly stream: number;
  readonly bytes: Uint8Array;
}

export interface OutputLogOptions {
  readonly folder: string;
  /** Of all segments together, heads included. */
  readonly bytesMax: number;
  /** What of the disk may still be filled, in bytes; negative when it is fuller than output may make it. */
  readonly roomBytes?: (folder: string) => number;
}

interface Segment {
  readonly start: number;
  /** In the file, heads included. */
  sizeBytes: number;
}

const headBytes = 5;
const chunkBytesMax = 64 * 1024;
/** So many segments share the limit, so that dropping one costs a small part of what is kept. */
const segmentsPerLimit = 8;
/** A segment is searched as a whole when a reader comes to it from elsewhere. */
const segmentBytesMax = 1024 * 1024;
/** Below this a segment would hold next to nothing. */
export const outputLogBytesMin = 4_096;
/** Left free for everything else on the disk: without it the node could not even record that output is removed. */
const spareBytes = 16 * 1024 * 1024;
const spareShare = 0.05;
const segmentName = /^([0-9]{16})\.out$/;

export class OutputLog {
  readonly #folder: string;
  readonly #segments: Segment[] = [];
  readonly #segmentBytesMax: number;
  readonly #bytesMax: number;
  readonly #roomBytes: () => number;
  /** To be written before the disk is looked at again. */
  #roomLeftBytes = 0;
  #file: number | undefined;
  #end = 0;
  #sizeBytes = 0;
  readonly #waiting = new Set<() => void>();

  private constructor({ folder, bytesMax, roomBytes = roomOf }: OutputLogOptions) {
    this.#folder = folder;
    this.#roomBytes = () => roomBytes(folder);
    this.#bytesMax = Math.max(bytesMax, outputLogBytesMin);
    this.#segmentBytesMax = Math.min(segmentBytesMax, Math.floor(this.#bytesMax / segmentsPerLimit));
  }

  /** For a new command. The folder must not hold another's. */
  static begin(options: OutputLogOptions): OutputLog {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    return new OutputLog(options);
  }

  /**
   * What an earlier process left, to be read and removed. A folder that is gone is an empty output.
   *
   * @param end the cursor behind the last byte, as far as it is known: what is not there counts as missing
   */
  static left(options: OutputLogOptions, end = 0): OutputLog {
    const log = new OutputLog(options);
    for (const name of namesIn(options.folder)) log.#adopt(Number(segmentName.exec(name)?.[1]));
    const last = log.#segments.at(-1);
    if (last !== undefined) log.#end = last.start + payloadBytes(readFileSync(log.#path(last)));
    log.#end = Math.max(log.#end, end);
    return log;
  }

  /** The cursor behind the last byte. */
  get end(): number {
    return this.#end;
  }

  /** The cursor of the first byte that is still there. */
  get start(): number {
    return this.#segments[0]?.start ?? this.#end;
  }

  /** On disk. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** @throws the system's error, on a full disk for example; what is not in the log then counts as missing */
  append({ stream, bytes }: OutputChunk): void {
    const end = this.#end + bytes.length;
    const partBytesMax = Math.min(chunkBytesMax, this.#segmentBytesMax - headBytes);
    try {
      for (let at = 0; at < bytes.length; at += partBytesMax) {
        this.#write(stream, bytes.subarray(at, at + partBytesMax));
      }
    } catch (error) {
      this.#giveUpSegment();
      this.#end = end;
      throw error;
    } finally {
      this.#wakeAll();
    }
  }

  /** Where reading goes on when the cursor is not in the log. */
  after(cursor: number): number {
    return this.#segments.find(({ start }) => start > cursor)?.start ?? this.#end;
  }

  /** Drops the oldest segment, never the one that is being written. False when there is none to drop. */
  dropOldest(): boolean {
    const [oldest] = this.#segments;
    if (oldest === undefined || this.#segments.length < 2) return false;
    this.#segments.shift();
    this.#sizeBytes -= oldest.sizeBytes;
    rmSync(this.#path(oldest), { force: true });
    return true;
  }

  /** Nothing is appended any more. */
  finish(): void {
    this.#close();
    this.#wakeAll();
  }

  remove(): void {
    this.finish();
    rmSync(this.#folder, { recursive: true, force: true });
    this.#segments.length = 0;
    this.#sizeBytes = 0;
  }

  /** Resolves at the next append, at the end, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiting.add(done);
      if (signal.aborted) done();
      else signal.addEventListener("abort", done, { once: true });
    });
  }

  /**
   * The chunk that holds the cursor, from there on; undefined when the cursor is not in the log.
   *
   * @param near of an earlier read at or before the cursor, which saves the search
   */
  read(cursor: number, near?: Place): (OutputChunk & { readonly place: Place }) | undefined {
    const segment = this.#segments.findLast(({ start }) => start <= cursor);
    if (segment === undefined || cursor >= this.#end) return undefined;
    const path = this.#path(segment);
    const from = startIn(path, segment, cursor, near);
    if (from === undefined) return undefined;
    const file = openSync(path, "r");
    try {
      return chunkAt(file, cursor, from);
    } finally {
      closeSync(file);
    }
  }

  #write(stream: number, bytes: Uint8Array): void {
    this.#takeRoom(headBytes + bytes.length);
    const file = this.#open(bytes.length);
    const head = Buffer.alloc(headBytes);
    head[0] = stream;
    head.writeUInt32BE(bytes.length, 1);
    const written = writevSync(file, [head, bytes]);
    const last = this.#segments.at(-1);
    if (last !== undefined) last.sizeBytes += written;
    this.#sizeBytes += written;
    this.#end += Math.max(0, written - headBytes);
    // A disk that takes a part takes no more: the rest would look like a chunk of its own.
    if (written < headBytes + bytes.length) throw new Error("the disk took a part of the output");
  }

  /** @throws Error when the disk would be too full */
  #takeRoom(bytes: number): void {
    this.#roomLeftBytes -= bytes;
    if (this.#roomLeftBytes >= 0) return;
    let room = this.#roomBytes();
    while (room < bytes && this.dropOldest()) room = this.#roomBytes();
    if (room < bytes) throw new Error("the disk is nearly full");
    // Others fill it too, so it is looked at more often the fuller it is.
    this.#roomLeftBytes = Math.min(segmentBytesMax, Math.floor(room / 2) - bytes);
  }

  /** A chunk in it may be cut off, so nothing may follow there. */
  #giveUpSegment(): void {
    this.#close();
    if (this.#segments.at(-1)?.start === this.#end) {
      const empty = this.#segments.pop();
      this.#sizeBytes -= empty?.sizeBytes ?? 0;
      if (empty !== undefined) rmSync(this.#path(empty), { force: true });
    }
  }

  #close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }

  /** A file with room for so many bytes. */
  #open(bytes: number): number {
    const last = this.#segments.at(-1);
    if (
      this.#file !== undefined &&
      last !== undefined &&
      (last.sizeBytes === 0 || last.sizeBytes + headBytes + bytes <= this.#segmentBytesMax)
    ) {
      return this.#file;
    }
    this.#close();
    const segment = { start: this.#end, sizeBytes: 0 };
    this.#file = openSync(this.#path(segment), "w", 0o600);
    this.#segments.push(segment);
    while (this.#sizeBytes + this.#segmentBytesMax > this.#bytesMax && this.dropOldest());
    return this.#file;
  }

  #adopt(start: number): void {
    const segment = { start, sizeBytes: 0 };
    segment.sizeBytes = statSync(this.#path(segment)).size;
    this.#segments.push(segment);
    this.#sizeBytes += segment.sizeBytes;
  }

  #path({ start }: Segment): string {
    return join(this.#folder, `${String(start).padStart(16, "0")}.out`);
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

function roomOf(folder: string): number {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return bavail * bsize - Math.min(spareBytes, blocks * bsize * spareShare);
}

/** Where a chunk begins: its cursor, and its head in the file of its segment. */
export interface Place {
  readonly segment: number;
  readonly cursor: number;
  readonly at: number;
}

interface Head {
  readonly stream: number;
  readonly length: number;
}

function startIn(
  path: string,
  { start }: Segment,
  cursor: number,
  near: Place | undefined,
): Place | undefined {
  if (near !== undefined && near.segment === start && near.cursor <= cursor) return near;
  return placeOf(readFileSync(path), start, cursor);
}

/** The chunk of the cursor in a whole segment. */
function placeOf(content: Buffer, start: number, cursor: number): Place | undefined {
  let begin = start;
  for (let at = 0; ; ) {
    const head = headAt(content, at);
    if (head === undefined) return undefined;
    if (cursor < begin + head.length) return { segment: start, cursor: begin, at };
    begin += head.length;
    at += headBytes + head.length;
  }
}

function chunkAt(
  file: number,
  cursor: number,
  from: Place,
): (OutputChunk & { readonly place: Place }) | undefined {
  let place = from;
  for (;;) {
    const content = Buffer.alloc(headBytes);
    const head = readSync(file, content, 0, headBytes, place.at) < headBytes ? undefined : headAt(content, 0);
    if (head === undefined) return undefined;
    const end = place.cursor + head.length;
    if (cursor < end) {
      const bytes = new Uint8Array(end - cursor);
      const got = readSync(file, bytes, 0, bytes.length, place.at + headBytes + (cursor - place.cursor));
      return got === 0 ? undefined : { stream: head.stream, bytes: bytes.subarray(0, got), place };
    }
    place = { segment: place.segment, cursor: end, at: place.at + headBytes + head.length };
  }
}

function headAt(content: Buffer, at: number): Head | undefined {
  if (content.length < at + headBytes) return undefined;
  return { stream: content[at] ?? 0, length: content.readUInt32BE(at + 1) };
}

/** The bytes in a segment, of which the last chunk may be cut off. */
function payloadBytes(content: Buffer): number {
  let bytes = 0;
  for (let at = 0; ; ) {
    const head = headAt(content, at);
    if (head === undefined) return bytes;
    bytes += Math.min(head.length, content.length - at - headBytes);
    at += headBytes + head.length;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => segmentName.test(name))
      .toSorted();
  } catch {
    return [];
  }
}
