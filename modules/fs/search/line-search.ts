/** Finds lines in the bytes of a file. Pure: no disk, no threads. */
import { Buffer } from "node:buffer";
import { detectEncoding, type Encoding, sampleBytes } from "../text-encoding.ts";
import { type Matcher, matcherOf } from "./matcher.ts";

export interface Query {
  readonly pattern: string;
  /** The pattern is a text and no regular expression. */
  readonly fixed: boolean;
  readonly ignoreCase: boolean;
  /** Only where it stands as a word. */
  readonly word: boolean;
  /** Lines around each. */
  readonly before: number;
  readonly after: number;
  /** Lines of one file. */
  readonly perFileMax: number;
}

export interface LineMatch {
  /** From 1. */
  readonly line: number;
  /** Of the first match in the line: UTF-16 units, from 1. */
  readonly column: number;
  readonly text: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Of a line in an answer. */
export const lineLengthMax = 2_000;

const lineEnd = 10;

export class LineSearch {
  readonly #query: Query;
  readonly #matcher: Matcher;

  /** @throws OperoneError `invalid_input` for a pattern that is no regular expression */
  constructor(query: Query) {
    this.#query = query;
    this.#matcher = matcherOf(query);
  }

  /** Undefined for what is no text. @param bytes a whole file */
  search(bytes: Buffer): readonly LineMatch[] | undefined {
    const sample = bytes.subarray(0, sampleBytes);
    const detected = detectEncoding(sample, bytes.length <= sampleBytes);
    if (detected === undefined) return undefined;
    return this.#linesOf(utf8Of(bytes.subarray(detected.markBytes), detected.encoding));
  }

  #linesOf(content: Buffer): readonly LineMatch[] {
    const found: LineMatch[] = [];
    let lines: readonly string[] | undefined;
    let [line, counted] = [1, 0];
    for (let from = 0; from < content.length && found.length < this.#query.perFileMax; ) {
      const at = this.#matcher.next(content, from);
      if (at < 0) break;
      const start = at === 0 ? 0 : content.lastIndexOf(lineEnd, at - 1) + 1;
      const next = content.indexOf(lineEnd, Math.max(at, start));
      const end = next < 0 ? content.length : next;
      line += lineEnds(content, counted, start);
      counted = start;
      lines ??= this.#query.before + this.#query.after > 0 ? content.toString().split("\n") : [];
      found.push(this.#match(content.subarray(start, end), line, lines));
      from = end + 1;
    }
    return found;
  }

  #match(bytes: Buffer, line: number, lines: readonly string[]): LineMatch {
    const { before, after } = this.#query;
    const shown = (part: readonly string[]) => part.map((one) => cut(withoutReturn(one)));
    const [first] = this.#matcher.ranges(bytes);
    return {
      line,
      column: bytes.subarray(0, first?.[0] ?? 0).toString().length + 1,
      text: cut(withoutReturn(bytes.toString())),
      before: shown(lines.slice(Math.max(0, line - 1 - before), line - 1)),
      after: shown(lines.slice(line, line + after)),
    };
  }
}

function utf8Of(bytes: Buffer, encoding: Encoding): Buffer {
  return encoding === "utf-8" ? bytes : Buffer.from(new TextDecoder(encoding).decode(bytes));
}

function lineEnds(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = bytes.indexOf(lineEnd, from); at >= 0 && at < to; at = bytes.indexOf(lineEnd, at + 1))
    count += 1;
  return count;
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

function cut(line: string): string {
  if (line.length <= lineLengthMax) return line;
  const short = line.slice(0, lineLengthMax);
  return short.isWellFormed() ? short : short.slice(0, -1);
}
