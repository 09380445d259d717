/** Finds lines in the bytes of a file. Pure: no disk, no threads. */
import { Buffer } from "node:buffer";
import { detectEncoding, type Encoding, sampleBytes } from "../text-encoding.ts";

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

const special = /[\\^$.*+?()[\]{}|]/;

export class LineSearch {
  readonly #query: Query;
  readonly #expression: RegExp;
  /** Every line that matches has these bytes. Undefined: nothing is known of it. */
  readonly #needle: Buffer | undefined;

  /** @throws SyntaxError for a pattern that is no regular expression */
  constructor(query: Query) {
    this.#query = query;
    const { pattern, fixed, ignoreCase, word } = query;
    const source = fixed ? RegExp.escape(pattern) : pattern;
    const whole = word ? `(?<![\\p{L}\\p{N}_])(?:${source})(?![\\p{L}\\p{N}_])` : source;
    this.#expression = new RegExp(whole, `gmu${ignoreCase ? "i" : ""}`);
    const isText = (fixed || !special.test(pattern)) && !ignoreCase;
    this.#needle = isText && pattern !== "" ? Buffer.from(pattern) : undefined;
  }

  /** Undefined for what is no text. @param bytes a whole file */
  search(bytes: Buffer): readonly LineMatch[] | undefined {
    const sample = bytes.subarray(0, sampleBytes);
    const detected = detectEncoding(sample, bytes.length <= sampleBytes);
    if (detected === undefined) return undefined;
    const content = bytes.subarray(detected.markBytes);
    // In the other encodings the pattern has other bytes.
    const isSame =
      detected.encoding === "utf-8" || (detected.encoding === "windows-1252" && isAscii(this.#needle));
    if (this.#needle !== undefined && isSame && content.indexOf(this.#needle) < 0) return [];
    return this.#linesOf(textOf(content, detected.encoding));
  }

  #linesOf(text: string): readonly LineMatch[] {
    const found: LineMatch[] = [];
    const expression = this.#expression;
    let lines: readonly string[] | undefined;
    let [line, counted, from] = [1, 0, 0];
    while (from <= text.length && found.length < this.#query.perFileMax) {
      expression.lastIndex = from;
      const match = expression.exec(text);
      if (match === null) break;
      // Nothing comes after the end of the last line.
      if (match.index === text.length && text.endsWith("\n")) break;
      let start = match.index === 0 ? 0 : text.lastIndexOf("\n", match.index - 1) + 1;
      const last = Math.max(match.index, match.index + match[0].length - 1);
      // A match may go over the end of a line, as that of \s does; it is the lines that are asked for.
      for (let isIn = true; isIn && found.length < this.#query.perFileMax; ) {
        const end = endOf(text, start);
        line += newlines(text, counted, start);
        counted = start;
        const column = this.#columnIn(text.slice(start, end));
        if (column !== undefined) {
          lines ??= this.#query.before + this.#query.after > 0 ? text.split("\n") : [];
          found.push(this.#match(text.slice(start, end), line, column, lines));
        }
        start = end + 1;
        isIn = start <= last;
      }
      from = start;
    }
    return found;
  }

  #columnIn(line: string): number | undefined {
    this.#expression.lastIndex = 0;
    const match = this.#expression.exec(withoutReturn(line));
    return match === null ? undefined : match.index + 1;
  }

  #match(text: string, line: number, column: number, lines: readonly string[]): LineMatch {
    const { before, after } = this.#query;
    const shown = (part: readonly string[]) => part.map((one) => cut(withoutReturn(one)));
    return {
      ...{ line, column, text: cut(withoutReturn(text)) },
      before: shown(lines.slice(Math.max(0, line - 1 - before), line - 1)),
      after: shown(lines.slice(line, line + after)),
    };
  }
}

function textOf(bytes: Buffer, encoding: Encoding): string {
  return encoding === "utf-8" ? bytes.toString("utf8") : new TextDecoder(encoding).decode(bytes);
}

function endOf(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end < 0 ? text.length : end;
}

function newlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) count += 1;
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

function isAscii(bytes: Buffer | undefined): boolean {
  return bytes?.every((byte) => byte < 0x80) === true;
}
