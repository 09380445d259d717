/**
 * Bodies of the RPC between nodes: MessagePack, with exactly the values of JSON. What `JSON.stringify` would do to a
 * value happens to it here too, so that an answer is the same on every surface.
 */
// This entry is the library without its native addon, which would be looked for on disk when it is loaded.
import { Packr } from "msgpackr/pack";
import { errorBody, OperoneError } from "../kernel/error.ts";
import { bodyBytesMax } from "./mesh-frames.ts";
import { depthMax, scan } from "./mesh-scan.ts";

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
  const { hasProtoKey } = scan(bytes);
  return hasProtoKey ? fromMaps(mapPackr.unpack(bytes)) : packr.unpack(bytes);
}

function fromMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromMaps);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, inner]) => [key, fromMaps(inner)]));
}

/** The value as JSON would carry it; the very same one when there is nothing to change. */
function plain(value: unknown, what: string, depth: number): unknown {
  if (typeof value === "string") return wellFormed(value, what);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "object" || value === null) return scalar(value, what);
  // The root of every body is a map of the protocol's own, in which the value lies one deeper.
  if (depth >= depthMax) throw new OperoneError("invalid_input", `${what} is nested deeper than ${depthMax}`);
  if ("toJSON" in value && typeof value.toJSON === "function") return plain(value.toJSON(), what, depth);
  if (Array.isArray(value)) {
    const items = value.map((item) => plain(item, what, depth + 1));
    return items.some((item, at) => item !== value[at]) ? items.map((item) => item ?? null) : value;
  }
  return plainObject(value as Readonly<Record<string, unknown>>, what, depth);
}

function plainObject(object: Readonly<Record<string, unknown>>, what: string, depth: number): unknown {
  let same = Object.getPrototypeOf(object) === Object.prototype;
  const entries: [string, unknown][] = [];
  for (const [key, value] of Object.entries(object)) {
    const made = plain(value, what, depth + 1);
    same &&= made === value && made !== undefined;
    if (made !== undefined) entries.push([wellFormed(key, what), made]);
  }
  return same ? object : Object.fromEntries(entries);
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
