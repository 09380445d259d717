/**
 * Takes the values of secrets out of what a command writes, wherever the pieces that it arrives in are cut. It keeps a
 * secret out of logs, transcripts and answers into which a command prints it by carelessness; a command that wants to
 * give it away can spell it differently.
 */
import { Buffer } from "node:buffer";

/** A shorter value would be found in words that have nothing to do with it. */
const maskedLengthMin = 4;
/** Of one line of a value with several. */
const lineLengthMin = 8;

interface Pattern {
  readonly bytes: Buffer;
  readonly mask: Buffer;
  /** For each length, how much of the end of that much of it is its beginning (Knuth, Morris and Pratt). */
  readonly borders: Uint32Array;
}

export class SecretMask {
  /** The longest first: one may be the beginning of another. */
  readonly #patterns: readonly Pattern[];
  readonly #lengthMax: number;

  /** @param values by the names of the secrets */
  constructor(values: Readonly<Record<string, string>>) {
    const all = Object.entries(values).flatMap(([name, value]) => {
      const mask = Buffer.from(`[secret ${name}]`);
      return [...spellings(value)].map((text) => patternOf(Buffer.from(text), mask));
    });
    this.#patterns = all.toSorted((a, b) => b.bytes.length - a.bytes.length);
    this.#lengthMax = this.#patterns[0]?.bytes.length ?? 0;
  }

  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  /**
   * @param atEnd whether nothing more comes
   * @returns what can be passed on, and the end of it that may be the beginning of a secret
   */
  apply(bytes: Uint8Array, atEnd = false): { readonly out: Uint8Array; readonly held: Uint8Array } {
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const parts: Uint8Array[] = [];
    let from = 0;
    const search = new Search(data, this.#patterns);
    for (let found = search.first(0); found !== undefined; found = search.first(from)) {
      // What begins there, or before it, may be a longer one of which the end has not come.
      if (!atEnd && this.#heldFrom(data, from) <= found.at) break;
      parts.push(data.subarray(from, found.at), found.pattern.mask);
      from = found.at + found.pattern.bytes.length;
    }
    const kept = atEnd ? data.length : this.#heldFrom(data, from);
    parts.push(data.subarray(from, kept));
    return {
      out: parts.length === 1 ? data.subarray(from, kept) : Buffer.concat(parts),
      held: data.subarray(kept),
    };
  }

  /** Where the first begins of those that the end of the data may be a beginning of; the data's length: none. */
  #heldFrom(data: Buffer, from: number): number {
    const near = Math.max(from, data.length - this.#lengthMax + 1);
    return this.#patterns.reduce((first, one) => Math.min(first, begunAt(one, data, near)), data.length);
  }
}

/** Each pattern's next place is looked for once, or many matches of one would cost a look through all for each other. */
class Search {
  readonly #data: Buffer;
  readonly #patterns: readonly Pattern[];
  readonly #places: number[];

  constructor(data: Buffer, patterns: readonly Pattern[]) {
    this.#data = data;
    this.#patterns = patterns;
    this.#places = patterns.map(({ bytes }) => placeOf(data, bytes, 0));
  }

  /** The one that begins first, and of these the longest. */
  first(from: number): { readonly at: number; readonly pattern: Pattern } | undefined {
    let best: { readonly at: number; readonly pattern: Pattern } | undefined;
    for (const [index, pattern] of this.#patterns.entries()) {
      let at = this.#places[index] ?? Number.POSITIVE_INFINITY;
      if (at < from) {
        at = placeOf(this.#data, pattern.bytes, from);
        this.#places[index] = at;
      }
      if (at < (best?.at ?? Number.POSITIVE_INFINITY)) best = { at, pattern };
    }
    return best;
  }
}

function placeOf(data: Buffer, bytes: Buffer, from: number): number {
  const at = data.indexOf(bytes, from);
  return at < 0 ? Number.POSITIVE_INFINITY : at;
}

function patternOf(bytes: Buffer, mask: Buffer): Pattern {
  const borders = new Uint32Array(bytes.length);
  let border = 0;
  for (let at = 1; at < bytes.length; at++) {
    border = grown({ bytes, borders }, border, bytes[at]);
    borders[at] = border;
  }
  return { bytes, mask, borders };
}

/** How much of the pattern's beginning ends with this byte, where so much of it ended before. */
function grown({ bytes, borders }: Omit<Pattern, "mask">, before: number, byte: number | undefined): number {
  let length = before;
  while (length > 0 && bytes[length] !== byte) length = borders[length - 1] ?? 0;
  return bytes[length] === byte ? length + 1 : length;
}

/** Where the longest beginning of the pattern, but not all of it, begins that the data end with. */
function begunAt(pattern: Pattern, data: Buffer, from: number): number {
  let length = 0;
  for (let at = Math.max(from, data.length - pattern.bytes.length + 1); at < data.length; at++)
    length = grown(pattern, length, data[at]);
  return data.length - length;
}

/** The value, its lines, and what programs often make of it. */
function spellings(value: string): ReadonlySet<string> {
  const trimmed = value.trim();
  const lines = trimmed.includes("\n")
    ? trimmed
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line.length >= lineLengthMin)
    : [];
  const whole = [value, trimmed].filter((text) => text.length >= maskedLengthMin);
  const made = whole.flatMap((text) => [
    text,
    Buffer.from(text).toString("base64"),
    Buffer.from(text).toString("base64url"),
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
  ]);
  return new Set([...made, ...lines]);
}
