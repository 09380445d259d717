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
}

export class SecretMask {
  /** The longest first: one may be the beginning of another. */
  readonly #patterns: readonly Pattern[];
  readonly #lengthMax: number;

  /** @param values by the names of the secrets */
  constructor(values: Readonly<Record<string, string>>) {
    const all = Object.entries(values).flatMap(([name, value]) => {
      const mask = Buffer.from(`[secret ${name}]`);
      return [...spellings(value)].map((text) => ({ bytes: Buffer.from(text), mask }));
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
    for (let found = this.#first(data, 0); found !== undefined; found = this.#first(data, from)) {
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

  /** The one that begins first, and of these the longest. */
  #first(data: Buffer, from: number): { readonly at: number; readonly pattern: Pattern } | undefined {
    let best: { readonly at: number; readonly pattern: Pattern } | undefined;
    for (const pattern of this.#patterns) {
      const at = data.indexOf(pattern.bytes, from);
      if (at >= 0 && (best === undefined || at < best.at)) best = { at, pattern };
    }
    return best;
  }

  #mayGrow(data: Buffer, at: number): boolean {
    const left = data.subarray(at);
    return this.#patterns.some(
      ({ bytes }) => bytes.length > left.length && bytes.subarray(0, left.length).equals(left),
    );
  }

  #heldFrom(data: Buffer, from: number): number {
    for (let at = Math.max(from, data.length - this.#lengthMax + 1); at < data.length; at++)
      if (this.#mayGrow(data, at)) return at;
    return data.length;
  }
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
