/**
 * Reads over MessagePack bytes before anything is made of them: only what JSON can say is let through, once, whole
 * and within limits. The decoder itself is lenient by nature (extensions, duplicate keys, lengths it trusts).
 */
import { Buffer, isUtf8 } from "node:buffer";
import { MeshProtocolError } from "./mesh-frames.ts";

/** Lists and maps within each other. */
export const depthMax = 64;
/** Lists and maps in one body; each costs far more memory than its one byte on the wire. */
export const containersMax = 100_000;

export interface Scanned {
  /** Some key is `__proto__`, which the decoder would rename. */
  readonly hasProtoKey: boolean;
}

/** Extensions that stand for a string whose bytes are passed on as they are (`ByteText`), by its encoding. */
export const byteTextTypes = { utf8: 1, base64: 2 } as const;

/**
 * @param byteTexts whether strings that are held as bytes may be in it, as in answers
 * @throws MeshProtocolError unless the bytes are exactly one JSON-like value
 */
export function scan(bytes: Uint8Array, byteTexts: boolean): Scanned {
  const scanner = new Scanner(bytes, byteTexts);
  scanner.value(0);
  scanner.end();
  return scanner;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
const protoKey = "__proto__";

type Kind = readonly [what: "scalar" | "float" | "text" | "list" | "map" | "extension", bytes: number];

/** Types whose tag holds their length: the number is that length. */
function shortKind(tag: number): Kind {
  if (tag <= 0x8f) return ["map", tag & 0x0f];
  return tag <= 0x9f ? ["list", tag & 0x0f] : ["text", tag & 0x1f];
}

/** All others (msgpack.org, spec.md): the number is the size of the scalar, or of the length that follows. */
const kinds: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [0xc0, ["scalar", 0]],
  [0xc2, ["scalar", 0]],
  [0xc3, ["scalar", 0]],
  [0xc7, ["extension", 1]],
  [0xc8, ["extension", 2]],
  [0xc9, ["extension", 4]],
  [0xca, ["float", 4]],
  [0xcb, ["float", 8]],
  [0xcc, ["scalar", 1]],
  [0xcd, ["scalar", 2]],
  [0xce, ["scalar", 4]],
  [0xd0, ["scalar", 1]],
  [0xd1, ["scalar", 2]],
  [0xd2, ["scalar", 4]],
  [0xd9, ["text", 1]],
  [0xda, ["text", 2]],
  [0xdb, ["text", 4]],
  [0xdc, ["list", 2]],
  [0xdd, ["list", 4]],
  [0xde, ["map", 2]],
  [0xdf, ["map", 4]],
]);

/** Extensions of these lengths have a tag of their own. */
const shortExtensions: ReadonlyMap<number, number> = new Map(
  [1, 2, 4, 8, 16].map((bytes, at) => [0xd4 + at, bytes]),
);

class Scanner implements Scanned {
  hasProtoKey = false;
  readonly #byteTexts: boolean;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #containers = 0;

  constructor(bytes: Uint8Array, byteTexts: boolean) {
    this.#byteTexts = byteTexts;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  end(): void {
    if (this.#at < this.#bytes.length)
      throw new MeshProtocolError(`${this.#bytes.length - this.#at} bytes after the value`);
  }

  value(depth: number): void {
    const tag = this.#uint(1);
    if (tag <= 0x7f || tag >= 0xe0) return;
    const short = tag <= 0xbf ? shortKind(tag) : undefined;
    const extension = shortExtensions.get(tag);
    if (extension !== undefined) {
      this.#extension(tag, extension);
      return;
    }
    const kind = short ?? kinds.get(tag);
    // 64-bit integers, binary data and other extensions have no counterpart in JSON.
    if (kind === undefined) throw unknownType(tag);
    const [what, bytes] = kind;
    if (what === "float") this.#finite(this.#take(bytes), bytes);
    else if (what === "scalar") this.#take(bytes);
    else {
      const count = short === undefined ? this.#uint(bytes) : bytes;
      if (what === "extension") this.#extension(tag, count);
      else if (what === "text") this.#text(count);
      else if (what === "list") this.#list(count, depth);
      else this.#map(count, depth);
    }
  }

  #extension(tag: number, length: number): void {
    const type = this.#uint(1);
    const at = this.#take(length);
    const isText = type === byteTextTypes.utf8;
    if (!this.#byteTexts || !(isText || type === byteTextTypes.base64)) throw unknownType(tag);
    const { buffer, byteOffset } = this.#bytes;
    if (isText && !isUtf8(Buffer.from(buffer, byteOffset + at, length)))
      throw new MeshProtocolError("a text that is no UTF-8");
  }

  #list(count: number, depth: number): void {
    this.#enter(count, depth);
    for (let i = 0; i < count; i++) this.value(depth + 1);
  }

  #map(count: number, depth: number): void {
    this.#enter(count * 2, depth);
    const keys = new Set<string>();
    for (let i = 0; i < count; i++) {
      const key = this.#key();
      if (keys.has(key)) throw new MeshProtocolError(`the key ${JSON.stringify(key)} twice in one map`);
      keys.add(key);
      this.hasProtoKey ||= key === protoKey;
      this.value(depth + 1);
    }
  }

  #key(): string {
    const tag = this.#uint(1);
    if (tag >= 0xa0 && tag <= 0xbf) return this.#latin(tag & 0x1f);
    if (tag === 0xd9) return this.#latin(this.#uint(1));
    if (tag === 0xda) return this.#latin(this.#uint(2));
    if (tag === 0xdb) return this.#latin(this.#uint(4));
    throw new MeshProtocolError(`a key of the MessagePack type 0x${tag.toString(16)}`);
  }

  /** The bytes of a text, one character each: as good as the text itself to compare, and cheaper. */
  #latin(length: number): string {
    const at = this.#text(length);
    let key = "";
    for (let i = at; i < at + length; i++) key += String.fromCharCode(this.#bytes[i] ?? 0);
    return key;
  }

  /** @returns where the text begins */
  #text(length: number): number {
    const at = this.#take(length);
    const end = at + length;
    for (let i = at; i < end; i++) {
      if ((this.#bytes[i] ?? 0) < 0x80) continue;
      this.#decodable(i, end);
      break;
    }
    return at;
  }

  #decodable(start: number, end: number): void {
    try {
      utf8.decode(this.#bytes.subarray(start, end));
    } catch {
      throw new MeshProtocolError("a text that is no UTF-8");
    }
  }

  #enter(values: number, depth: number): void {
    this.#containers += 1;
    if (depth >= depthMax) throw new MeshProtocolError(`values nested deeper than ${depthMax}`);
    if (this.#containers > containersMax)
      throw new MeshProtocolError(`more than ${containersMax} lists and maps`);
    // Every value takes a byte at least; a count that the bytes cannot hold is not worth a loop.
    if (values > this.#bytes.length - this.#at) throw new MeshProtocolError("a list or map that is cut off");
  }

  #finite(at: number, bytes: number): void {
    const value = bytes === 4 ? this.#view.getFloat32(at) : this.#view.getFloat64(at);
    if (!Number.isFinite(value)) throw new MeshProtocolError(`the number ${value}`);
  }

  #uint(size: number): number {
    const at = this.#take(size);
    if (size === 1) return this.#view.getUint8(at);
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw new MeshProtocolError("a value that is cut off");
    this.#at = at + count;
    return at;
  }
}

function unknownType(tag: number): MeshProtocolError {
  return new MeshProtocolError(`the MessagePack type 0x${tag.toString(16)}`);
}
