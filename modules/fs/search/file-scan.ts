/** Searches one file, whose bytes come in chunks; no more than a block of lines is held. Pure: no disk, no threads. */
import { Buffer, isAscii, isUtf8 } from "node:buffer";
import { detectEncoding, sampleBytes } from "../text-encoding.ts";
import { lineEnds } from "./line-count.ts";
import type { Matcher } from "./matcher.ts";
import type { Around, FileOutcome, Query } from "./query.ts";

const lineEnd = 10;
const carriageReturn = 13;
/** A longer line is searched in parts of this size. */
const lineBytesMax = 16 * 1024 * 1024;
/** UTF-16 units of a line in an answer. */
export const lineLengthMax = 2_000;
/** UTF-16 units of all that one file gives. */
const foundLengthMax = 32 * 1024 * 1024;
/** A character has at most so many bytes. */
const characterBytesMax = 4;

const none = Buffer.alloc(0);

export class FileScan {
  readonly #query: Query;
  readonly #matcher: Matcher;
  #carry: Buffer = none;
  #decoder: TextDecoder | undefined;
  #begun = false;
  #ended = false;
  /** Of the line that the next block begins with. */
  #line = 1;
  /** Lines before the next block, for what is around. */
  #behind: string[] = [];
  /** Found lines that wait for what follows them. */
  #waiting: Around[] = [];
  #bytes = 0;
  #binary = false;
  #limited = false;
  #length = 0;
  readonly #lines: number[] = [];
  readonly #columns: number[] = [];
  readonly #texts: string[] = [];
  readonly #around: Around[] = [];

  constructor(query: Query, matcher: Matcher) {
    this.#query = query;
    this.#matcher = matcher;
  }

  /** @param chunk is copied where it is kept. @param isLast whether it is the file's end. @returns whether more is wanted */
  push(chunk: Buffer, isLast: boolean): boolean {
    if (this.#ended) return false;
    this.#bytes += chunk.length;
    const bytes = this.#begun ? chunk : this.#begin(chunk, isLast);
    if (!this.#ended) this.#take(this.#decoded(bytes, isLast), isLast);
    if (isLast) this.#ended = true;
    return !this.#ended;
  }

  outcome(): FileOutcome {
    const found = {
      lines: this.#lines,
      columns: this.#columns,
      text: this.#texts.join("\n"),
      around: this.#around,
    };
    return { found, bytes: this.#bytes, binary: this.#binary, limited: this.#limited };
  }

  /** What the file is, from its first bytes; without its mark. */
  #begin(chunk: Buffer, isLast: boolean): Buffer {
    this.#begun = true;
    const sample = chunk.length > sampleBytes ? chunk.subarray(0, sampleBytes) : chunk;
    const isPlain = (chunk[0] ?? 0) < 0xef && sample.indexOf(0) < 0;
    // Nearly all files of nearly all searches end here.
    if (isPlain && isLast && this.#matcher.needed?.isIn(chunk) === false) {
      this.#ended = true;
      return none;
    }
    const isWhole = isLast && sample.length === chunk.length;
    if (isPlain && isUtf8(isWhole ? sample : withoutLast(sample))) return chunk;
    const detected = detectEncoding(sample, isWhole);
    if (detected === undefined) {
      this.#endAsBinary();
      return none;
    }
    if (detected.encoding !== "utf-8")
      this.#decoder = new TextDecoder(detected.encoding, { ignoreBOM: true });
    return chunk.subarray(detected.markBytes);
  }

  #endAsBinary(): void {
    this.#binary = true;
    this.#ended = true;
  }

  #decoded(chunk: Buffer, isLast: boolean): Buffer {
    if (this.#decoder === undefined) return chunk;
    return Buffer.from(this.#decoder.decode(chunk, { stream: !isLast }));
  }

  #take(chunk: Buffer, isLast: boolean): void {
    const whole = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    let end = isLast ? whole.length : whole.lastIndexOf(lineEnd) + 1;
    if (end === 0 && whole.length >= lineBytesMax) end = whole.length;
    // The chunk's memory is used again for the next one.
    this.#carry = end === whole.length ? none : Buffer.from(whole.subarray(end));
    if (end > 0) this.#block(end === whole.length ? whole : whole.subarray(0, end), isLast);
  }

  #block(block: Buffer, isLast: boolean): void {
    if (block.indexOf(0) >= 0) {
      this.#endAsBinary();
      return;
    }
    this.#feedWaiting(block);
    let counted = 0;
    for (let at = 0; at < block.length; ) {
      const hit = this.#matcher.next(block, at);
      if (hit < 0) break;
      const start = hit === 0 ? 0 : block.lastIndexOf(lineEnd, hit - 1) + 1;
      const next = block.indexOf(lineEnd, Math.max(hit, start));
      const end = next < 0 ? block.length : next;
      this.#line += lineEnds(block, counted, start);
      counted = start;
      this.#matched(block, start, end);
      if (this.#ended) return;
      at = end + 1;
    }
    if (isLast) return;
    this.#line += lineEnds(block, counted, block.length);
    if (this.#query.before > 0) this.#behind = this.#before(block, block.length);
  }

  #matched(block: Buffer, start: number, end: number): void {
    if (this.#lines.length >= this.#query.perFileMax || this.#length >= foundLengthMax) {
      this.#limited = true;
      this.#ended = true;
      return;
    }
    const line = lineAt(block, start, end);
    const lead = this.#matcher.first(line);
    const text = textOf(line);
    this.#lines.push(this.#line);
    this.#columns.push(unitsOf(line, lead) + 1);
    this.#texts.push(text);
    this.#length += text.length;
    const { before, after } = this.#query;
    if (before + after === 0) return;
    const around: Around = { before: before === 0 ? [] : this.#before(block, start), after: [] };
    this.#around.push(around);
    for (const one of around.before) this.#length += one.length;
    if (after > 0) this.#addAfter(around, block, end + 1);
  }

  #before(block: Buffer, start: number): string[] {
    const most = this.#query.before;
    const before: string[] = [];
    for (let end = start - 1; end >= 0 && before.length < most; ) {
      const from = end === 0 ? 0 : block.lastIndexOf(lineEnd, end - 1) + 1;
      before.unshift(textOf(lineAt(block, from, end)));
      end = from - 1;
    }
    const missing = most - before.length;
    return missing === 0 ? before : [...this.#behind.slice(-missing), ...before];
  }

  #addAfter(around: Around, block: Buffer, from: number): void {
    for (let at = from; at < block.length && around.after.length < this.#query.after; ) {
      const next = block.indexOf(lineEnd, at);
      const end = next < 0 ? block.length : next;
      const text = textOf(lineAt(block, at, end));
      around.after.push(text);
      this.#length += text.length;
      at = end + 1;
    }
    if (around.after.length < this.#query.after) this.#waiting.push(around);
  }

  #feedWaiting(block: Buffer): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const around of waiting) this.#addAfter(around, block, 0);
  }
}

/** Without its end. */
function lineAt(block: Buffer, start: number, end: number): Buffer {
  return block.subarray(start, end > start && block[end - 1] === carriageReturn ? end - 1 : end);
}

/** As it is shown: no more of a long line than its beginning. */
function textOf(line: Buffer): string {
  if (line.length <= lineLengthMax) return line.toString();
  const text = line.toString("utf8", 0, characterBytesMax * lineLengthMax).slice(0, lineLengthMax);
  return text.isWellFormed() ? text : text.slice(0, -1);
}

function unitsOf(line: Buffer, bytes: number): number {
  if (bytes === 0) return 0;
  const lead = line.subarray(0, bytes);
  return isAscii(lead) ? bytes : lead.toString().length;
}

/** A character may be cut at the end of a sample. */
function withoutLast(sample: Buffer): Buffer {
  for (let back = 1; back < characterBytesMax && back <= sample.length; back++)
    if ((sample[sample.length - back] ?? 0) >= 0xc0) return sample.subarray(0, sample.length - back);
  return sample;
}
