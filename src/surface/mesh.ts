/**
 * Bodies of the RPC between nodes: MessagePack, with exactly the values of JSON. What `JSON.stringify` would do to a
 * value happens to it here too, so that an answer is the same on every surface.
 */
import { Buffer } from "node:buffer";
// This entry is the library without its native addon, which would be looked for on disk when it is loaded.
import { addExtension, Packr } from "msgpackr/pack";
import { ByteText, type TextEncoding } from "../kernel/byte-text.ts";
import { errorBody, OperoneError } from "../kernel/error.ts";
import { bodyBytesMax } from "./mesh-frames.ts";
import { byteTextTypes, depthMax, scan } from "./mesh-scan.ts";

/** A string that is held as bytes, on its way out. The extension's type says how the bytes are to be read. */
class OutgoingText {
  readonly parts: readonly Uint8Array[];

  constructor({ parts }: ByteText) {
    this.parts = parts;
  }
}
class OutgoingUtf8 extends OutgoingText {}
class OutgoingBase64 extends OutgoingText {}

const outgoing: Readonly<Record<TextEncoding, new (text: ByteText) => OutgoingText>> = {
  utf8: OutgoingUtf8,
  base64: OutgoingBase64,
};

for (const encoding of ["utf8", "base64"] as const) {
  addExtension({
    Class: outgoing[encoding],
    type: byteTextTypes[encoding],
    pack: ({ parts }: OutgoingText) => Buffer.concat(parts),
    // A copy: what is unpacked lies in the chunk that it came in.
    unpack: (bytes: Uint8Array) => new ByteText(new Uint8Array(bytes), encoding),
  });
}

const packr = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true, useToJSON: false });
/** For bodies with a key that an object literal could not take. */
const mapPackr = new Packr({ useRecords: false, mapsAsObjects: false });

/**
 * @param what names the value in an error: `The input of "fs.read"`
 * @throws OperoneError `too_large` above 1 MiB; `invalid_input` for text that UTF-8 cannot carry or deep nesting
 */
export function encodeBody(value: unknown, what: string): Uint8Array {
  // A copy, because the packer gives a view of a buffer that it goes on using.
  const bytes = packr.pack(plain(value, what, 0)).slice();
  if (bytes.length <= bodyBytesMax) return bytes;
  throw new OperoneError(
    "too_large",
    `${what} has ${bytes.length} bytes; one value between nodes may have ${bodyBytesMax}. Ask for less at a time, or for bytes`,
    { limitBytes: bodyBytesMax },
  );
}

/** The last body of a call: what cannot be sent becomes an error that can. */
export function encodeAnswer(operation: string, body: Readonly<Record<string, unknown>>): Uint8Array {
  try {
    return encodeBody(body, `The answer of "${operation}"`);
  } catch (error) {
    return encodeBody({ error: errorBody(error) }, "An error");
  }
}

/** @throws MeshProtocolError for anything but one JSON value */
export function decodeBody(bytes: Uint8Array): unknown {
  return decoded(bytes, false);
}

/** As `decodeBody`; strings may be held as bytes, so that nobody decodes what only passes by. */
export function decodeAnswer(bytes: Uint8Array): unknown {
  return decoded(bytes, true);
}

function decoded(bytes: Uint8Array, byteTexts: boolean): unknown {
  const { hasProtoKey } = scan(bytes, byteTexts);
  return hasProtoKey ? fromMaps(mapPackr.unpack(bytes)) : packr.unpack(bytes);
}

function fromMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromMaps);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, inner]) => [key, fromMaps(inner)]));
}

/** The value as JSON would carry it; the very same one when there is nothing to change, which is nearly always. */
function plain(value: unknown, what: string, depth: number): unknown {
  return isPlain(value, depth) ? value : made(value, what, depth);
}

function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return value === null || typeof value === "boolean";
  if (depth >= depthMax) return false;
  if (Array.isArray(value)) {
    for (const item of value) if (!isPlain(item, depth + 1)) return false;
    return !("toJSON" in value);
  }
  if (Object.getPrototypeOf(value) !== Object.prototype || "toJSON" in value) return false;
  for (const key of Object.keys(value)) {
    if (!key.isWellFormed() || !isPlain((value as Record<string, unknown>)[key], depth + 1)) return false;
  }
  return true;
}

/** What `JSON.stringify` would make of it. */
function made(value: unknown, what: string, depth: number): unknown {
  if (typeof value === "string") return wellFormed(value, what);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "object" || value === null) return scalar(value, what);
  if (value instanceof ByteText) return new outgoing[value.encoding](value);
  // The root of every body is a map of the protocol's own, in which the value lies one deeper.
  if (depth >= depthMax) throw new OperoneError("invalid_input", `${what} is nested deeper than ${depthMax}`);
  if ("toJSON" in value && typeof value.toJSON === "function") return made(value.toJSON(), what, depth + 1);
  if (Array.isArray(value)) return value.map((item) => made(item, what, depth + 1) ?? null);
  const entries = Object.entries(value).map(([key, inner]) => [
    wellFormed(key, what),
    made(inner, what, depth + 1),
  ]);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}

function scalar(value: unknown, what: string): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "bigint")
    throw new OperoneError("internal", `${what} holds a bigint, which JSON has not`);
  return undefined;
}

function wellFormed(text: string, what: string): string {
  if (text.isWellFormed()) return text;
  throw new OperoneError(
    "invalid_input",
    `${what} holds text with half a surrogate pair, which cannot be sent between nodes`,
  );
}
