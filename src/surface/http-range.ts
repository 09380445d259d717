/** Conditional requests and ranges (RFC 9110, 13 and 14), for a representation of known size and validator. */
import { OperoneError } from "../kernel/error.ts";

/** Inclusive of `start`, exclusive of `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface Representation {
  readonly sizeBytes?: number;
  readonly etag?: string;
}

/** Whether the client already has these bytes. `If-None-Match` compares weakly, so `W/` is passed over. */
export function isNotModified(headers: Headers, { etag }: Representation): boolean {
  const header = headers.get("if-none-match");
  if (header === null || etag === undefined) return false;
  return header.trim() === "*" || tagsOf(header).includes(etag);
}

/** @throws OperoneError `precondition_failed` when `If-Match` names other bytes. It compares strongly. */
export function assertMatches(headers: Headers, { etag }: Representation): void {
  const header = headers.get("if-match");
  if (header === null || header.trim() === "*") return;
  if (etag !== undefined && tagsOf(header, true).includes(etag)) return;
  throw new OperoneError(
    "precondition_failed",
    `If-Match asked for ${JSON.stringify(header)}, and the bytes are now ${etag === undefined ? "without a tag" : `"${etag}"`}`,
  );
}

/**
 * The part that is asked for; undefined means the whole. A header that is malformed, of another unit or with several
 * ranges is passed over, as RFC 9110 (14.2) allows.
 *
 * @throws OperoneError `range` when nothing of the range exists
 */
export function rangeOf(headers: Headers, bytes: Representation): ByteRange | undefined {
  const header = headers.get("range");
  const { sizeBytes } = bytes;
  if (header === null || sizeBytes === undefined || !mayUseRange(headers, bytes)) return undefined;
  const parts = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header);
  const [, first = "", last = ""] = parts ?? [];
  if (parts === null || (first === "" && last === "")) return undefined;
  if (first === "") return suffix(header, Number(last), sizeBytes);
  const start = Number(first);
  const end = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= sizeBytes) throw unsatisfiable(header, sizeBytes);
  return { start, end };
}

function suffix(header: string, length: number, sizeBytes: number): ByteRange {
  if (length === 0 || sizeBytes === 0) throw unsatisfiable(header, sizeBytes);
  return { start: Math.max(0, sizeBytes - length), end: sizeBytes };
}

/** `If-Range`: the part only of the very bytes that the client has begun with. No dates are sent, so none match. */
function mayUseRange(headers: Headers, { etag }: Representation): boolean {
  const header = headers.get("if-range")?.trim();
  return header === undefined || (etag !== undefined && header === `"${etag}"`);
}

function tagsOf(header: string, strong = false): string[] {
  const tags = [...header.matchAll(/(W\/)?"([^"]*)"/g)];
  return tags.filter(([, weak]) => !strong || weak === undefined).map(([, , tag = ""]) => tag);
}

function unsatisfiable(header: string, sizeBytes: number): OperoneError {
  return new OperoneError(
    "range",
    `The range ${JSON.stringify(header)} lies outside of the ${sizeBytes} bytes; ask for a part of 0 to ${sizeBytes - 1}`,
    { sizeBytes },
  );
}
