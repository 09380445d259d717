/**
 * `application/vnd.operone.frames`: items whose strings need not be escaped, decoded or searched for line breaks. Each
 * frame is
 *
 *     head length  4 bytes, big-endian
 *     tail length  4 bytes, big-endian
 *     head         JSON, an object with one of the keys of a frame; both lengths 0: a heartbeat without a head
 *     tail         the bytes of the strings that `held` names, one after the other
 *
 * The keys are those of the WebSocket: `item`, `progress`, `error` or `end`; and `items`, a list of several, which is
 * cheaper to write and to read. `held` lists strings that stand in the
 * tail, as [path in the item, encoding, length in bytes]; in the head there is null in their place. A stream without
 * `end` or `error` as its last frame was cut off.
 */
import { Buffer } from "node:buffer";
import { ByteText, type TextEncoding } from "../kernel/byte-text.ts";
import { OperoneError } from "../kernel/error.ts";

type Path = readonly (string | number)[];
type Held = readonly [path: Path, encoding: TextEncoding, lengthBytes: number];

export type FrameKey = "item" | "items" | "progress" | "error" | "end";

export interface ItemFrame {
  readonly key: FrameKey;
  readonly value: unknown;
}

const lengthsBytes = 8;
/** Of one frame. An item is far smaller; a peer that names any length must not have the memory for it. */
const frameBytesMax = 64 * 1024 * 1024;

/** Pieces of a frame that has not come as a whole yet; more are joined. */
const piecesMax = 1_024;

export const heartbeatFrame = new Uint8Array(lengthsBytes);

export function encodeFrame(key: FrameKey, value: unknown): Uint8Array {
  if (!holdsBytes(value)) return framed(`{"${key}":${jsonOf(value)}}`, []);
  const held: Held[] = [];
  const tail: Uint8Array[] = [];
  const left = lift(value, [], (path, text) => {
    held.push([path, text.encoding, text.lengthBytes]);
    tail.push(...text.parts);
  });
  return framed(JSON.stringify({ [key]: left, held }), tail);
}

/** An item as its frame when it holds bytes, else as JSON for `encodeItems`. */
export function encodeItem(item: unknown): string | Uint8Array {
  return holdsBytes(item) ? encodeFrame("item", item) : jsonOf(item);
}

/** @param items JSON of one or more */
export function encodeItems(items: readonly string[]): Uint8Array {
  return framed(items.length === 1 ? `{"item":${items[0]}}` : `{"items":[${items.join(",")}]}`, []);
}

/** `undefined`, which an operation without output gives, has no JSON of its own. */
function jsonOf(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

function framed(head: string, tail: readonly Uint8Array[]): Uint8Array {
  const headBytes = Buffer.byteLength(head);
  const tailBytes = lengthOf(tail);
  const frame = Buffer.allocUnsafeSlow(lengthsBytes + headBytes + tailBytes);
  frame.writeUInt32BE(headBytes, 0);
  frame.writeUInt32BE(tailBytes, 4);
  frame.write(head, lengthsBytes);
  let at = lengthsBytes + headBytes;
  for (const part of tail) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** Most items do not, and need not be taken apart. */
function holdsBytes(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof ByteText) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (holdsBytes(item)) return true;
    return false;
  }
  // What makes its own JSON is left to do so.
  if ("toJSON" in value) return false;
  const record = value as Readonly<Record<string, unknown>>;
  for (const key in record) if (holdsBytes(record[key])) return true;
  return false;
}

/** The value with null for each string that is held as bytes; the very same one where there is none. */
function lift(value: unknown, path: Path, found: (path: Path, text: ByteText) => void): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof ByteText) {
    found(path, value);
    return null;
  }
  // What makes its own JSON is left to do so.
  if ("toJSON" in value) return value;
  if (Array.isArray(value)) {
    const items = value.map((item, at) => lift(item, [...path, at], found));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  let changed: [string, unknown][] | undefined;
  for (const [key, inner] of Object.entries(value)) {
    const left = lift(inner, [...path, key], found);
    if (left !== inner) changed = [...(changed ?? []), [key, left]];
  }
  return changed === undefined ? value : Object.fromEntries([...Object.entries(value), ...changed]);
}

/** @throws OperoneError `invalid_input` for what is no such stream, `too_large` for a frame beyond the limit */
export async function* framesIn(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ItemFrame, void> {
  const waiting = new Pieces();
  let lengths: readonly [headBytes: number, tailBytes: number] | undefined;
  for await (const chunk of chunks) {
    waiting.add(chunk);
    for (;;) {
      if (lengths === undefined) {
        if (waiting.lengthBytes < lengthsBytes) break;
        lengths = lengthsIn(waiting.take(lengthsBytes));
      }
      const [headBytes, tailBytes] = lengths;
      if (waiting.lengthBytes < headBytes + tailBytes) break;
      lengths = undefined;
      if (headBytes > 0) yield frameOf(waiting.take(headBytes), tailBytes, waiting);
      else if (tailBytes > 0) throw noFrame("it has a tail and no head");
    }
  }
}

/** Bytes that came in pieces and are taken in others, without a copy. */
class Pieces {
  lengthBytes = 0;
  #pieces: Uint8Array[] = [];
  /** Pieces at the end that have not been joined. */
  #single = 0;

  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.lengthBytes += piece.length;
    this.#pieces.push(piece);
    this.#single += 1;
    if (this.#single < piecesMax) return;
    // A peer that sends them byte by byte must not cost an object for each.
    this.#pieces.push(Buffer.concat(this.#pieces.splice(-piecesMax)));
    this.#single = 0;
  }

  /** @param lengthBytes at most what is there */
  take(lengthBytes: number): readonly Uint8Array[] {
    const taken: Uint8Array[] = [];
    let leftBytes = lengthBytes;
    while (leftBytes > 0) {
      const [first] = this.#pieces;
      if (first === undefined) break;
      const part = first.subarray(0, leftBytes);
      taken.push(part);
      leftBytes -= part.length;
      if (part.length < first.length) this.#pieces[0] = first.subarray(part.length);
      else this.#pieces.shift();
    }
    this.lengthBytes -= lengthBytes;
    this.#single = Math.min(this.#single, this.#pieces.length);
    return taken;
  }
}

function lengthsIn(bytes: readonly Uint8Array[]): readonly [number, number] {
  const lengths = Buffer.concat(bytes);
  const headBytes = lengths.readUInt32BE(0);
  const tailBytes = lengths.readUInt32BE(4);
  const sizeBytes = headBytes + tailBytes;
  if (sizeBytes <= frameBytesMax) return [headBytes, tailBytes];
  throw new OperoneError(
    "too_large",
    `One frame of the answer has ${sizeBytes} bytes, and at most ${frameBytesMax} are read`,
    { limitBytes: frameBytesMax },
  );
}

function frameOf(headParts: readonly Uint8Array[], tailBytes: number, rest: Pieces): ItemFrame {
  const { held = [], ...one } = headOf(headParts);
  const [entry, ...more] = Object.entries(one);
  if (entry === undefined || more.length > 0) throw noFrame("its head has not one key");
  const [key, value] = entry;
  if (!isKey(key)) throw noFrame(`its head has the key ${JSON.stringify(key)}`);
  if (key === "items" && !Array.isArray(value)) throw noFrame("its items are no list");
  if (!Array.isArray(held)) throw noFrame("what it holds is no list");
  const root = { value };
  let leftBytes = tailBytes;
  for (const text of held) {
    if (!isHeld(text)) throw noFrame(`it holds ${JSON.stringify(text)}`);
    const [path, encoding, lengthBytes] = text;
    leftBytes -= lengthBytes;
    if (leftBytes < 0) throw noFrame("its tail is too short");
    put(root, ["value", ...path], new ByteText(rest.take(lengthBytes), encoding));
  }
  if (leftBytes > 0) throw noFrame("its tail is too long");
  return { key, value: root.value };
}

function isKey(key: string): key is FrameKey {
  return key === "item" || key === "items" || key === "progress" || key === "error" || key === "end";
}

function headOf(bytes: readonly Uint8Array[]): Readonly<Record<string, unknown>> {
  let head: unknown;
  try {
    head = JSON.parse(new ByteText(bytes, "utf8").toString());
  } catch {
    throw noFrame("its head is no JSON");
  }
  if (typeof head === "object" && head !== null) return head as Readonly<Record<string, unknown>>;
  throw noFrame("its head is no object");
}

function isHeld(value: unknown): value is Held {
  if (!Array.isArray(value)) return false;
  const [path, encoding, lengthBytes] = value;
  return (
    Array.isArray(path) &&
    path.every((step) => typeof step === "string" || typeof step === "number") &&
    (encoding === "utf8" || encoding === "base64") &&
    Number.isSafeInteger(lengthBytes) &&
    lengthBytes >= 0
  );
}

/** Only where the null of a held string is, so that no path leads out of the value. */
function put(root: object, path: Path, text: ByteText): void {
  let holder: unknown = root;
  for (const step of path.slice(0, -1)) holder = ownValue(holder, step);
  const last = path.at(-1) ?? "";
  if (typeof holder !== "object" || holder === null || ownValue(holder, last) !== null) throw noPlace(path);
  // Defined and not assigned, because a key may be "__proto__".
  Object.defineProperty(holder, last, { value: text, enumerable: true, writable: true, configurable: true });
}

function ownValue(holder: unknown, step: string | number): unknown {
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, step)) return undefined;
  return (holder as Readonly<Record<string | number, unknown>>)[step];
}

function noPlace(path: Path): OperoneError {
  return noFrame(`it has no place for what it holds at ${JSON.stringify(path.slice(1))}`);
}

function noFrame(why: string): OperoneError {
  return new OperoneError("invalid_input", `The node sent what is no frame: ${why}`);
}
