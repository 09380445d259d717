/** Some lines of a text file, however large the file is. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { OpenFile } from "./backend.ts";
import { type Detected, detectEncoding, type Encoding, sampleBytes } from "./text-encoding.ts";
import type { Place } from "./tree.ts";

/** Of the text in one answer, so that it passes between nodes with what belongs to it. */
export const textBytesMax = 512 * 1024;

export interface ReadInput {
  readonly fromLine: number;
  readonly lines: number;
  /** The last so many lines instead. */
  readonly tail?: number | undefined;
  readonly encoding?: Encoding | undefined;
}

export async function textOf(place: Place, input: ReadInput, signal: AbortSignal) {
  await using file = await place.backend.open(place.access, place.path);
  const sample = await beginningOf(file, signal);
  const detected = encodingOf(sample, input.encoding, place.shown(place.path));
  const window =
    input.tail === undefined
      ? await linesFrom(wholeOf(file, sample), detected, input.fromLine, input.lines, signal)
      : await lastLines(file, detected, input.tail, signal);
  const { etag, sizeBytes } = file.entry;
  return {
    path: place.shown(place.path),
    ...window,
    encoding: detected.encoding,
    sizeBytes,
    ...(etag === undefined ? {} : { etag }),
  };
}

/** @throws OperoneError `unsupported_media` for what is no text */
function encodingOf(sample: Uint8Array, asked: Encoding | undefined, shown: string): Detected {
  const detected = detectEncoding(sample, sample.length < sampleBytes);
  if (asked !== undefined)
    return { encoding: asked, markBytes: detected?.encoding === asked ? detected.markBytes : 0 };
  if (detected !== undefined) return detected;
  throw new OperoneError(
    "unsupported_media",
    `"${shown}" is no text in an encoding that could be told; take its bytes with fs.content, or name the encoding`,
  );
}

async function beginningOf(file: OpenFile, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of file.read(signal, { start: 0, end: sampleBytes })) parts.push(chunk);
  return Buffer.concat(parts);
}

/** A file that the sample has all of is not read again. */
function wholeOf(file: OpenFile, sample: Uint8Array): Pick<OpenFile, "entry" | "read"> {
  if (sample.length === 0 || sample.length !== file.entry.sizeBytes) return file;
  return {
    entry: file.entry,
    async *read(_signal, { start, end } = { start: 0, end: sample.length }) {
      if (start < sample.length) yield sample.subarray(start, end);
    },
  };
}

interface Window {
  readonly text: string;
  readonly lineEnd: "lf" | "crlf" | "mixed" | "none";
  /** Of the first line, from 1. Absent where only the end of a file was looked at. */
  readonly firstLine?: number;
  /** Lines in the text. */
  readonly lines: number;
  /** Whether the file goes on after the text. */
  readonly more: boolean;
  /** Whether the last line did not fit. */
  readonly cut: boolean;
}

/** Reads on from the beginning until the lines are there; of those before them nothing is kept. */
async function linesFrom(
  file: Pick<OpenFile, "entry" | "read">,
  { encoding, markBytes }: Detected,
  fromLine: number,
  count: number,
  signal: AbortSignal,
): Promise<Window> {
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  const { sizeBytes } = file.entry;
  const collected = new LineWindow(fromLine, count);
  // Files under /proc do not know their size.
  const range = { start: markBytes, end: sizeBytes === 0 ? Number.MAX_SAFE_INTEGER : sizeBytes };
  for await (const chunk of file.read(signal, range)) {
    if (!collected.add(decoder.decode(chunk, { stream: true }))) break;
  }
  if (!collected.isFull) collected.add(decoder.decode());
  return { ...collected.window(), firstLine: fromLine };
}

class LineWindow {
  readonly #from: number;
  readonly #count: number;
  #line = 1;
  #text = "";
  #lines = 0;
  #full = false;
  #cut = false;
  /** The last piece ended a line, and nothing of the next one has come. */
  #more = false;

  constructor(from: number, count: number) {
    this.#from = from;
    this.#count = count;
  }

  get isFull(): boolean {
    return this.#full;
  }

  /** @returns false when no more is wanted */
  add(piece: string): boolean {
    let at = 0;
    while (at < piece.length) {
      if (this.#full) {
        this.#more = true;
        return false;
      }
      const end = piece.indexOf("\n", at);
      const next = end < 0 ? piece.length : end + 1;
      if (this.#line >= this.#from) this.#take(piece.slice(at, next));
      if (end >= 0) {
        if (this.#line >= this.#from) this.#lines += 1;
        this.#line += 1;
        if (this.#lines === this.#count) this.#full = true;
      }
      at = next;
    }
    return !(this.#full && this.#more);
  }

  #take(part: string): void {
    this.#text += part;
    if (this.#text.length * 3 < textBytesMax || Buffer.byteLength(this.#text) <= textBytesMax) return;
    const whole = Buffer.from(this.#text).subarray(0, textBytesMax);
    this.#text = new TextDecoder().decode(whole, { stream: true });
    this.#full = true;
    this.#more = true;
    this.#cut = true;
  }

  window(): Omit<Window, "firstLine"> {
    const isOpen = this.#text !== "" && !this.#text.endsWith("\n");
    return {
      text: this.#text,
      lineEnd: lineEndOf(this.#text),
      lines: this.#cut ? this.#text.split("\n").length : this.#lines + (isOpen ? 1 : 0),
      more: this.#more,
      cut: this.#cut,
    };
  }
}

function lineEndOf(text: string): Window["lineEnd"] {
  const all = text.split("\n").length - 1;
  if (all === 0) return "none";
  const both = text.split("\r\n").length - 1;
  return both === 0 ? "lf" : both === all ? "crlf" : "mixed";
}

/** Looks back from the end, block by block. A character of UTF-16 has two bytes, so its blocks have an even size. */
async function lastLines(
  file: OpenFile,
  { encoding, markBytes }: Detected,
  count: number,
  signal: AbortSignal,
): Promise<Window> {
  const { sizeBytes } = file.entry;
  const most = encoding.startsWith("utf-16") ? textBytesMax & ~1 : textBytesMax;
  const start = Math.max(markBytes, sizeBytes - most);
  const parts: Uint8Array[] = [];
  for await (const chunk of file.read(signal, { start, end: sizeBytes })) parts.push(chunk);
  // The first character of a part may have lost its beginning.
  const text = new TextDecoder(encoding, { ignoreBOM: true }).decode(Buffer.concat(parts));
  const ends = text.endsWith("\n") ? 1 : 0;
  const all = text.split("\n");
  const from = Math.max(0, all.length - ends - count);
  const isCut = start > markBytes && from === 0;
  const shown = all.slice(from).join("\n");
  const clean = isCut ? shown.replace(/^\ufffd+/, "") : shown;
  const lines = all.length - ends - from;
  return { text: clean, lineEnd: lineEndOf(clean), lines: clean === "" ? 0 : lines, more: false, cut: isCut };
}
