/** From an answer to an HTTP response. */
import { Buffer } from "node:buffer";
import type { Answer, Call } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import type { Progress } from "../kernel/operation.ts";
import { preferred } from "./http-accept.ts";
import { begun, bytesHead, collected, discard, exactly, isSmall } from "./http-bytes.ts";
import {
  arrayOf,
  byteFraming,
  eventFraming,
  type Framing,
  framesOf,
  lineFraming,
  valueFraming,
} from "./http-items.ts";
import type { HttpLimits, Timer } from "./http-limits.ts";
import { guardHeaders } from "./http-problem.ts";
import { type BodyStream, bodyStream } from "./http-stream.ts";
import { headerName, mediaType } from "./http-wire.ts";

/** One call on its way out. */
export interface Outgoing {
  readonly request: Request;
  readonly callId: string;
  readonly limits: HttpLimits;
  readonly timer: Timer;
  /** Whether a part or "not modified" may be answered. */
  readonly conditional: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Ends the call. */
  abort(reason: OperoneError): void;
  /** Called before a body that is made while it is read. */
  lasts(): void;
  /** Called when nothing more will be sent. */
  ended(): void;
}

export function jsonResponse(outgoing: Outgoing, text: string): Response {
  return whole(outgoing, mediaType.json, text);
}

/** The shortest way, for the most frequent answer: a value that fits into one piece. */
export function smallJsonResponse(text: string, callId: string): Response {
  return new Response(text, {
    headers: {
      "content-type": mediaType.json,
      "cache-control": guardHeaders["cache-control"],
      "x-content-type-options": guardHeaders["x-content-type-options"],
      [headerName.callId]: callId,
    },
  });
}

/** Whether a body is better sent in slices. */
export function isLarge(body: string | Uint8Array): boolean {
  return body.length > wholeBytesMax;
}

const encoder = new TextEncoder();

const framings = {
  [mediaType.sse]: eventFraming,
  [mediaType.ndjson]: lineFraming,
  [mediaType.frames]: byteFraming,
} as const;

/**
 * @param values they are the values of one operation on many nodes: one array unless something else is asked for
 * @throws OperoneError `too_large` and the operation's own, when all items are wanted as one array
 */
export async function itemsResponse(
  outgoing: Outgoing,
  items: AsyncIterable<unknown>,
  progress: ProgressBox,
  values: boolean,
): Promise<Response> {
  const { request, callId, limits } = outgoing;
  const offers = values
    ? ([mediaType.json, mediaType.ndjson, mediaType.sse, mediaType.frames] as const)
    : ([mediaType.sse, mediaType.ndjson, mediaType.json, mediaType.frames] as const);
  const type = preferred(request.headers.get("accept"), offers);
  if (request.method === "HEAD") {
    outgoing.abort(new OperoneError("cancelled", "Only the head was asked for"));
    outgoing.ended();
    return headed(outgoing, { "content-type": type });
  }
  if (type === mediaType.json) {
    const array = await arrayOf(items, limits.arrayBytesMax);
    return whole(outgoing, type, array);
  }
  const framing = framings[type];
  return streamed(outgoing, framesOf(items, framing, callId), framing, progress);
}

/**
 * The value of a call whose client wants to see its progress. Until the first progress the status is still open, so
 * a call that is refused or quickly done is answered like any other.
 */
export async function valueEventsResponse(
  outgoing: Outgoing,
  answer: Promise<Answer>,
  progress: ProgressBox,
): Promise<Response> {
  await Promise.race([answer, progress.first]);
  const value = async function* () {
    const settled = await answer;
    yield settled.gives === "value" ? settled.value : undefined;
  };
  return streamed(outgoing, framesOf(value(), valueFraming, outgoing.callId), valueFraming, progress);
}

/** @throws OperoneError `range`, `precondition_failed`, and what the operation throws before its first byte */
export async function bytesResponse(
  outgoing: Outgoing,
  answer: Extract<Answer, { gives: "bytes" }>,
): Promise<Response> {
  const { request, conditional } = outgoing;
  let opened = false;
  try {
    const { status, headers, range, lengthBytes } = bytesHead(answer.bytes, request, conditional);
    const length = lengthBytes === undefined ? {} : { "content-length": String(lengthBytes) };
    if (status === 304 || request.method === "HEAD") {
      outgoing.ended();
      return headed(outgoing, { ...headers, ...length }, status);
    }
    opened = true;
    const chunks = answer.bytes.open(range);
    if (isSmall(lengthBytes)) {
      const small = await collected(chunks, lengthBytes);
      outgoing.ended();
      return respond(outgoing, small, headers, status);
    }
    const source = await begun(exactly(chunks, lengthBytes));
    return respond(outgoing, streamOf(outgoing, source).body, { ...headers, ...length }, status);
  } finally {
    if (!opened) discard(answer);
  }
}

/** The newest progress of a call, until it can be sent. */
export class ProgressBox {
  readonly first: Promise<void>;
  #announce: () => void = () => {};
  #latest: Progress | undefined;
  #stream: BodyStream | undefined;

  constructor() {
    this.first = new Promise((resolve) => {
      this.#announce = resolve;
    });
  }

  readonly note: NonNullable<Call["onProgress"]> = (progress) => {
    this.#latest = progress;
    this.#announce();
    this.#stream?.nudge();
  };

  take(framing: Framing): Uint8Array | undefined {
    const latest = this.#latest;
    if (latest === undefined) return undefined;
    this.#latest = undefined;
    return framing.progress(latest);
  }

  tell(stream: BodyStream): void {
    this.#stream = stream;
  }
}

function streamed(
  outgoing: Outgoing,
  frames: AsyncIterator<Uint8Array>,
  framing: Framing,
  progress: ProgressBox,
): Response {
  const stream = streamOf(outgoing, frames, {
    heartbeat: framing.heartbeat,
    aside: () => progress.take(framing),
  });
  progress.tell(stream);
  return respond(outgoing, stream.body, { "content-type": framing.mediaType });
}

function streamOf(
  { limits, timer, abort, lasts, ended }: Outgoing,
  chunks: AsyncIterator<Uint8Array>,
  extra: { readonly heartbeat?: Uint8Array; aside?(): Uint8Array | undefined } = {},
): BodyStream {
  lasts();
  return bodyStream(chunks, {
    limits,
    timer,
    ...extra,
    onEnd(reason) {
      if (reason !== undefined) abort(reason);
      ended();
    },
  });
}

/**
 * Up to here a body is handed over at once. A larger one goes in slices, so that it is let go when nobody reads it:
 * the runtime gives a whole body a fixed time, which a slow but living reader would overrun.
 */
const wholeBytesMax = 256 * 1024;
const sliceBytes = 64 * 1024;

function whole(outgoing: Outgoing, type: string, body: string | Uint8Array): Response {
  const headers = { "content-type": type };
  if (outgoing.request.method === "HEAD") {
    outgoing.ended();
    const lengthBytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    return headed(outgoing, { ...headers, "content-length": String(lengthBytes) });
  }
  if (isLarge(body)) {
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    return respond(outgoing, streamOf(outgoing, slices(bytes)).body, headers);
  }
  outgoing.ended();
  return respond(outgoing, body, headers);
}

async function* slices(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += sliceBytes) yield bytes.subarray(at, at + sliceBytes);
}

function headed(outgoing: Outgoing, headers: Record<string, string>, status = 200): Response {
  return respond(outgoing, null, headers, status);
}

function respond(
  { callId, headers: extra }: Outgoing,
  body: string | Uint8Array | ReadableStream<Uint8Array> | null,
  headers: Readonly<Record<string, string>>,
  status = 200,
): Response {
  return new Response(body as ConstructorParameters<typeof Response>[0], {
    status,
    headers: { ...guardHeaders, [headerName.callId]: callId, ...headers, ...extra },
  });
}
