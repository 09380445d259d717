/** Bytes as a body: whole or in part, and never half for whole. */
import type { Answer } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import type { BytesAnswer } from "../kernel/operation.ts";
import { inertPolicy } from "./http-problem.ts";
import type { ByteRange } from "./http-range.ts";
import { assertMatches, isNotModified, rangeOf } from "./http-range.ts";
import { headerName } from "./http-wire.ts";

/** Up to here the body is collected first: it then has its length, and an error can still be an error. */
const collectedBytesMax = 64 * 1024;

export interface BytesHead {
  readonly status: 200 | 206 | 304;
  readonly headers: Record<string, string>;
  readonly range: ByteRange | undefined;
  /** Of the part that will be sent, where it is known. */
  readonly lengthBytes: number | undefined;
}

/**
 * What goes before the bytes.
 *
 * @param conditional whether the request may be answered with a part, or with "you have it already": only reads may
 * @throws OperoneError `range`, `precondition_failed`
 */
export function bytesHead(bytes: BytesAnswer, request: Request, conditional: boolean): BytesHead {
  const headers = representationHeaders(bytes);
  if (!conditional) return { status: 200, headers, range: undefined, lengthBytes: bytes.sizeBytes };
  assertMatches(request.headers, bytes);
  if (request.method !== "POST" && isNotModified(request.headers, bytes)) {
    return { status: 304, headers, range: undefined, lengthBytes: undefined };
  }
  if (bytes.sizeBytes !== undefined) headers["accept-ranges"] = "bytes";
  const range = rangeOf(request.headers, bytes);
  if (range === undefined) return { status: 200, headers, range, lengthBytes: bytes.sizeBytes };
  headers["content-range"] = `bytes ${range.start}-${range.end - 1}/${bytes.sizeBytes}`;
  return { status: 206, headers, range, lengthBytes: range.end - range.start };
}

function representationHeaders({
  mediaType,
  etag,
  fileName,
  sizeBytes,
}: BytesAnswer): Record<string, string> {
  return {
    "content-type": mediaType,
    "content-security-policy": inertPolicy,
    ...(etag === undefined ? {} : { etag: `"${etag}"` }),
    ...(fileName === undefined ? {} : { "content-disposition": disposition(fileName) }),
    ...(sizeBytes === undefined ? {} : { [headerName.sizeBytes]: String(sizeBytes) }),
  };
}

/** RFC 6266: the exact name in `filename*`, and one of plain characters for who cannot read that. */
function disposition(fileName: string): string {
  const plain = fileName.replaceAll(/[^\x20-\x7e]|["\\%/]/g, "_");
  const exact = encodeURIComponent(fileName.toWellFormed()).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}

/** Passes the chunks on and throws when they are not exactly `lengthBytes`; the receiver would take them for whole. */
export async function* exactly(
  chunks: AsyncIterable<Uint8Array>,
  lengthBytes: number | undefined,
): AsyncGenerator<Uint8Array, void> {
  let sentBytes = 0;
  for await (const chunk of chunks) {
    sentBytes += chunk.length;
    if (lengthBytes !== undefined && sentBytes > lengthBytes) break;
    // An empty chunk is none: some writers take it for the end of the body.
    if (chunk.length > 0) yield chunk;
  }
  if (lengthBytes === undefined || sentBytes === lengthBytes) return;
  throw new OperoneError(
    "internal",
    `The operation announced ${lengthBytes} bytes and gave ${sentBytes > lengthBytes ? "more" : sentBytes}`,
  );
}

export function isSmall(lengthBytes: number | undefined): lengthBytes is number {
  return lengthBytes !== undefined && lengthBytes <= collectedBytesMax;
}

export async function collected(chunks: AsyncIterable<Uint8Array>, lengthBytes: number): Promise<Uint8Array> {
  const whole = new Uint8Array(lengthBytes);
  let at = 0;
  for await (const chunk of exactly(chunks, lengthBytes)) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The same chunks with the first one already there, so that a failure to begin is an error and not a broken body. */
export async function begun(chunks: AsyncIterator<Uint8Array>): Promise<AsyncIterator<Uint8Array>> {
  let first: IteratorResult<Uint8Array> | undefined = await chunks.next();
  return {
    next() {
      const step = first;
      first = undefined;
      return step === undefined ? chunks.next() : Promise.resolve(step);
    },
    return: async () => (await chunks.return?.()) ?? { done: true, value: undefined },
  };
}

export function discard(answer: Extract<Answer, { gives: "bytes" }>): void {
  answer.discard?.();
}
