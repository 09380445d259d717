/** Finds the lines that match in a block of whole lines. */
import { isAscii } from "node:buffer";
import { badPattern } from "./bad-pattern.ts";
import { linePattern } from "./line-pattern.ts";
import type { Query } from "./line-search.ts";
import { Regex } from "./regex-engine.ts";
import { soundCopy } from "./sound-text.ts";

type Wanted = Pick<Query, "pattern" | "fixed" | "ignoreCase" | "word">;

const lineEnd = 10;
/** Bytes that go to the engine at once: they are copied to it. Few after a line that matched, as more may follow soon. */
const windowBytesMin = 512;
const windowBytesMax = 64 * 1024;

export interface Matcher {
  /** A place in the first matching line at or after `from`, which is where a line begins; -1 for none. */
  next(block: Buffer, from: number): number;
  /** The matches in one line, in bytes: from and up to. */
  ranges(line: Buffer): [number, number][];
}

/** @throws OperoneError `invalid_input` for a pattern that is none */
export function matcherOf(query: Wanted): Matcher {
  const plain = query.fixed || !/[\\^$.|?*+()[\]{}]/.test(query.pattern);
  if (/[\r\n]/.test(query.pattern))
    throw badPattern(query.pattern, "it holds an end of a line, and each line is searched by itself");
  if (query.pattern === "") return allLines;
  if (plain && !query.ignoreCase && !query.word) return new TextMatcher(query.pattern);
  const regex = new RegexMatcher(query);
  const isLetters = plain && !query.word && isAscii(Buffer.from(query.pattern));
  return isLetters ? new CaselessMatcher(query.pattern, regex) : regex;
}

const allLines: Matcher = { next: (_, from) => from, ranges: () => [[0, 0]] };

class TextMatcher implements Matcher {
  readonly #needle: Buffer;

  constructor(text: string) {
    this.#needle = Buffer.from(text);
  }

  next(block: Buffer, from: number): number {
    return block.indexOf(this.#needle, from);
  }

  ranges(line: Buffer): [number, number][] {
    const found: [number, number][] = [];
    const size = this.#needle.length;
    for (let at = line.indexOf(this.#needle); at >= 0 && found.length < 100; ) {
      found.push([at, at + size]);
      at = line.indexOf(this.#needle, at + size);
    }
    return found;
  }
}

class RegexMatcher implements Matcher {
  readonly #block: Regex | undefined;
  readonly #line: Regex;

  constructor(query: Wanted) {
    const text = query.fixed ? query.pattern.replace(/[\\^$.|?*+()[\]{}&~#-]/g, "\\$&") : query.pattern;
    const { pattern, blockwise } = linePattern(text);
    const flags = query.ignoreCase ? "imR" : "mR";
    const whole = (inner: string) =>
      query.word ? `(?${flags}:\\b{start-half}(?:${inner})\\b{end-half})` : `(?${flags}:${inner})`;
    try {
      // By itself first: with what is put around it, `a)(b` would be one.
      new Regex(text);
      this.#line = new Regex(whole(blockwise ? pattern : text));
    } catch (error) {
      throw badPattern(query.pattern, String(error instanceof Error ? error.message : error));
    }
    this.#block = blockwise ? this.#line : undefined;
  }

  next(block: Buffer, from: number): number {
    const sound = soundCopy(block);
    return this.#block === undefined ? this.#byLine(sound, from) : this.#byWindow(this.#block, sound, from);
  }

  #byWindow(regex: Regex, block: Buffer, from: number): number {
    let size = from === 0 ? windowBytesMax : windowBytesMin;
    for (let at = from; at < block.length; ) {
      const end = windowEnd(block, at, size);
      const found = regex.end(block.subarray(at, end));
      if (found >= 0) return at + found;
      at = end + 1;
      size = Math.min(size * 4, windowBytesMax);
    }
    return -1;
  }

  #byLine(block: Buffer, from: number): number {
    for (let at = from; at < block.length; ) {
      const next = block.indexOf(lineEnd, at);
      const end = next < 0 ? block.length : next;
      if (this.#line.end(block.subarray(at, end)) >= 0) return at;
      at = end + 1;
    }
    return -1;
  }

  ranges(line: Buffer): [number, number][] {
    return this.#line.ranges(soundCopy(line));
  }
}

/** Up to the end of a line, without it. */
function windowEnd(block: Buffer, from: number, windowBytes: number): number {
  if (block.length - from <= windowBytes)
    return block[block.length - 1] === lineEnd ? block.length - 1 : block.length;
  const last = block.lastIndexOf(lineEnd, from + windowBytes);
  if (last >= from) return last;
  const next = block.indexOf(lineEnd, from + windowBytes);
  return next < 0 ? block.length : next;
}

/** Letters of either case, in blocks of nothing but ASCII: there JavaScript's own expression is ten times as fast, and safe. */
class CaselessMatcher implements Matcher {
  readonly #regex: RegExp;
  readonly #other: RegexMatcher;
  #block: Buffer | undefined;
  #text: string | undefined;

  constructor(text: string, other: RegexMatcher) {
    this.#regex = new RegExp(RegExp.escape(text), "ig");
    this.#other = other;
  }

  next(block: Buffer, from: number): number {
    if (this.#block !== block) {
      this.#block = block;
      this.#text = isAscii(block) ? block.toString("latin1") : undefined;
    }
    if (this.#text === undefined) return this.#other.next(block, from);
    this.#regex.lastIndex = from;
    return this.#regex.exec(this.#text)?.index ?? -1;
  }

  ranges(line: Buffer): [number, number][] {
    return this.#other.ranges(line);
  }
}
