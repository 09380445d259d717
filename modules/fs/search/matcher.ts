/** Finds the lines that match in a block of whole lines. */
import { Buffer, isAscii } from "node:buffer";
import { badPattern } from "./bad-pattern.ts";
import { linePattern } from "./line-pattern.ts";
import { neededTexts } from "./needed-text.ts";
import type { Query } from "./query.ts";
import { Regex } from "./regex-engine.ts";
import { soundCopy } from "./sound-text.ts";
import { TextFinder } from "./text-finder.ts";

type Wanted = Pick<Query, "pattern" | "fixed" | "ignoreCase" | "word">;

const lineEnd = 10;
/** Bytes that go to the engine at once: they are copied to it. Few after a line that matched, as more may follow soon. */
const windowBytesMin = 512;
const windowBytesMax = 64 * 1024;
/** Lines that have a needed text and do not match: so many in one block, and the text is no help. */
const missesMax = 64;

export interface Matcher {
  /** Nothing matches in bytes without any of these, in every encoding that has ASCII in it. Undefined: not known. */
  readonly needed: TextFinder | undefined;
  /** A place in the first matching line at or after `from`, which is where a line begins; -1 for none. */
  next(block: Buffer, from: number): number;
  /** Where the first match of a matching line begins, in bytes. */
  first(line: Buffer): number;
}

/** @throws OperoneError `invalid_input` for a pattern that is none */
export function matcherOf(query: Wanted): Matcher {
  const plain = query.fixed || !/[\\^$.|?*+()[\]{}]/.test(query.pattern);
  if (/[\r\n]/.test(query.pattern))
    throw badPattern(query.pattern, "it holds an end of a line, and each line is searched by itself");
  if (query.pattern === "") return allLines;
  if (plain && !query.ignoreCase && !query.word) return new TextMatcher(query.pattern);
  const regex = new RegexMatcher(query, plain);
  const isLetters = plain && !query.word && isAscii(Buffer.from(query.pattern));
  return isLetters ? new CaselessMatcher(query.pattern, regex) : regex;
}

const allLines: Matcher = { needed: undefined, next: (_, from) => from, first: () => 0 };

class TextMatcher implements Matcher {
  readonly #needle: Buffer;
  readonly needed: TextFinder | undefined;

  constructor(text: string) {
    this.#needle = Buffer.from(text);
    this.needed = isAscii(this.#needle) ? new TextFinder([text]) : undefined;
  }

  next(block: Buffer, from: number): number {
    return block.indexOf(this.#needle, from);
  }

  first(line: Buffer): number {
    return Math.max(0, line.indexOf(this.#needle));
  }
}

class RegexMatcher implements Matcher {
  readonly #block: Regex | undefined;
  readonly #line: Regex;
  readonly needed: TextFinder | undefined;
  #counted: Buffer | undefined;
  #misses = 0;

  constructor(query: Wanted, plain: boolean) {
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
    const needed = query.ignoreCase ? undefined : plain ? asciiOnly(query.pattern) : neededTexts(text);
    this.needed = needed === undefined ? undefined : new TextFinder(needed);
  }

  next(block: Buffer, from: number): number {
    const start = this.needed === undefined ? from : this.#byNeeded(this.needed, block, from);
    if (start < 0 || this.#isThere) return start;
    const sound = soundCopy(block);
    return this.#block === undefined ? this.#byLine(sound, start) : this.#byWindow(this.#block, sound, start);
  }

  /** What `#byNeeded` gave is a match already. */
  #isThere = false;

  /** A matching line; where the search has to go on without the texts, as they are in too many lines; or -1. */
  #byNeeded(needed: TextFinder, block: Buffer, from: number): number {
    this.#isThere = false;
    if (this.#counted !== block) {
      this.#counted = block;
      this.#misses = 0;
    }
    for (let at = from; at < block.length && this.#misses < missesMax; ) {
      const hit = needed.next(block, at);
      if (hit < 0) return -1;
      const start = Math.max(at, hit === 0 ? 0 : block.lastIndexOf(lineEnd, hit - 1) + 1);
      const next = block.indexOf(lineEnd, hit);
      const end = next < 0 ? block.length : next;
      if (this.#line.end(soundCopy(block.subarray(start, end))) >= 0) {
        this.#isThere = true;
        return start;
      }
      this.#misses += 1;
      at = end + 1;
      if (at >= block.length) return -1;
      if (this.#misses >= missesMax) return at;
    }
    return from < block.length ? from : -1;
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

  first(line: Buffer): number {
    return Math.max(0, this.#line.start(soundCopy(line)));
  }
}

function asciiOnly(text: string): readonly string[] | undefined {
  return isAscii(Buffer.from(text)) ? [text] : undefined;
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
  readonly needed = undefined;
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

  first(line: Buffer): number {
    return this.#other.first(line);
  }
}
