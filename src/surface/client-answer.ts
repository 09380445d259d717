/** From an HTTP response to an answer. Half an answer is never given for a whole. */
import type { Answer } from "../kernel/call.ts";
import { errorFromBody, isErrorCode, OperoneError } from "../kernel/error.ts";
import type { BytesAnswer, Gives, Progress } from "../kernel/operation.ts";
import type { ClientCallOptions } from "./client.ts";
import { eventsOf } from "./event-stream.ts";
import { cancellable, cancelled, type Exchange, failure, lost } from "./exchange.ts";
import { framesIn } from "./frames.ts";
import { eventName, headerName, mediaType, type Problem } from "./http-wire.ts";

/** A value is held in memory as a whole. */
const valueBytesMax = 64 * 1024 * 1024;

/** Makes the request with these headers added. */
export type Send = (headers?: Record<string, string>) => Promise<Response>;

/** The node's own error. A server that is no node has no code to give. */
export async function refusalOf(exchange: Exchange, response: Response): Promise<OperoneError> {
  const problem = await textOf(exchange, response)
    .then((text) => JSON.parse(text) as Partial<Problem> | null)
    .catch(() => null);
  if (isErrorCode(problem?.code)) return errorFromBody({ ...problem, message: problem.detail });
  return new OperoneError(
    response.status >= 500 ? "unavailable" : "internal",
    `"${exchange.operation}" was answered with the status ${response.status} and no problem document; is a node at that address?`,
  );
}

/** Reads the response as what the operation gives; `send` makes the same request again, for a range. */
export async function answerOf(
  exchange: Exchange,
  gives: Gives | undefined,
  response: Response,
  call: ClientCallOptions,
  send: Send,
): Promise<Answer> {
  const callId = response.headers.get(headerName.callId) ?? "";
  const type = response.headers.get("content-type") ?? "";
  if (
    gives === "bytes" ||
    (gives === undefined && !type.startsWith(mediaType.json) && !type.startsWith(mediaType.sse))
  ) {
    return {
      gives: "bytes",
      callId,
      ...bytesOf(exchange, response, call.bytes === undefined ? send : undefined),
    };
  }
  if (type.startsWith(mediaType.frames)) {
    const chunks = chunksOf(exchange, response);
    const items = framedItems(exchange, chunks, call.onProgress);
    return { gives: "items", callId, items: cancellable(items, () => void chunks.return?.()) };
  }
  if (type.startsWith(mediaType.sse)) {
    const chunks = chunksOf(exchange, response);
    if (gives === "value")
      return { gives: "value", callId, value: await firstValue(exchange, chunks, call.onProgress) };
    const items = itemsOf(exchange, chunks, call.onProgress);
    return { gives: "items", callId, items: cancellable(items, () => void chunks.return?.()) };
  }
  return { gives: "value", callId, value: parsed(exchange, await textOf(exchange, response)) };
}

/** The body's chunks. `return` gives the connection up, which cancels the call at the node. */
function chunksOf(exchange: Exchange, response: Response): AsyncIterableIterator<Uint8Array> {
  const reader = response.body?.getReader();
  const steps: AsyncIterator<Uint8Array> = {
    async next() {
      try {
        const step = await reader?.read();
        return step?.value === undefined
          ? { done: true, value: undefined }
          : { done: false, value: step.value };
      } catch (error) {
        throw failure(exchange, error);
      }
    },
  };
  return cancellable(steps, () => void reader?.cancel().catch(() => {}));
}

async function* itemsOf(
  exchange: Exchange,
  chunks: AsyncIterable<Uint8Array>,
  onProgress: ((progress: Progress) => void) | undefined,
): AsyncGenerator<unknown, void> {
  for await (const { name, data } of eventsOf(chunks)) {
    if (name === eventName.end) return;
    const json = parsed(exchange, data);
    if (name === eventName.error) throw errorFromBody(json);
    if (name === eventName.progress) onProgress?.(json as Progress);
    else if (name === eventName.item || name === eventName.value) yield json;
  }
  throw exchange.signal?.aborted === true ? cancelled(exchange) : lost(exchange);
}

async function* framedItems(
  exchange: Exchange,
  chunks: AsyncIterable<Uint8Array>,
  onProgress: ((progress: Progress) => void) | undefined,
): AsyncGenerator<unknown, void> {
  for await (const { key, value } of framesIn(chunks)) {
    if (key === "item") yield value;
    else if (key === "items") yield* value as readonly unknown[];
    else if (key === "progress") onProgress?.(value as Progress);
    else if (key === "error") throw errorFromBody(value);
    else return;
  }
  throw exchange.signal?.aborted === true ? cancelled(exchange) : lost(exchange);
}

async function firstValue(
  exchange: Exchange,
  chunks: AsyncIterable<Uint8Array>,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<unknown> {
  for await (const value of itemsOf(exchange, chunks, onProgress)) return value;
  throw lost(exchange);
}

async function textOf(exchange: Exchange, response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let sizeBytes = 0;
  let text = "";
  for await (const chunk of chunksOf(exchange, response)) {
    sizeBytes += chunk.length;
    if (sizeBytes > valueBytesMax) {
      throw new OperoneError(
        "too_large",
        `The answer of "${exchange.operation}" is over ${valueBytesMax} bytes`,
      );
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function bytesOf(
  exchange: Exchange,
  response: Response,
  send: Send | undefined,
): { readonly bytes: BytesAnswer; readonly discard: () => void } {
  const { headers } = response;
  const length = headers.get("content-length") ?? headers.get(headerName.sizeBytes);
  const etag = headers.get("etag")?.replace(/^(W\/)?"(.*)"$/, "$2");
  const fileName = fileNameOf(headers.get("content-disposition"));
  const whole = chunksOf(exchange, response);
  let opened = false;
  const open: BytesAnswer["open"] = (range) => {
    if (opened)
      throw new OperoneError(
        "conflict",
        `The bytes of "${exchange.operation}" were opened twice; call it again`,
      );
    opened = true;
    if (range === undefined) return complete(exchange, whole, length === null ? undefined : Number(length));
    void whole.return?.();
    // A part is a second call, so only what can be repeated has parts.
    if (send !== undefined && exchange.effect === "read") return ranged(exchange, range, send);
    throw new OperoneError("range", `"${exchange.operation}" gives its bytes only as a whole`);
  };
  const bytes: BytesAnswer = {
    mediaType: headers.get("content-type") ?? mediaType.bytes,
    ...(length === null ? {} : { sizeBytes: Number(length) }),
    ...(etag === undefined ? {} : { etag }),
    ...(fileName === undefined ? {} : { fileName }),
    open,
  };
  return { bytes, discard: () => void whole.return?.() };
}

/** Not every runtime's fetch reports a body that is shorter than announced. */
async function* complete(
  exchange: Exchange,
  chunks: AsyncIterable<Uint8Array>,
  sizeBytes: number | undefined,
): AsyncGenerator<Uint8Array, void> {
  let seenBytes = 0;
  for await (const chunk of chunks) {
    seenBytes += chunk.length;
    yield chunk;
  }
  if (sizeBytes !== undefined && seenBytes < sizeBytes) throw lost(exchange);
}

async function* ranged(
  exchange: Exchange,
  { start, end }: { readonly start: number; readonly end: number },
  send: Send,
): AsyncGenerator<Uint8Array, void> {
  if (end <= start) return;
  const response = await send({ range: `bytes=${start}-${end - 1}` });
  if (!response.ok) throw await refusalOf(exchange, response);
  if (response.status !== 206) {
    await response.body?.cancel();
    throw new OperoneError("range", `"${exchange.operation}" gives its bytes only as a whole`);
  }
  yield* complete(exchange, chunksOf(exchange, response), end - start);
}

/** `filename*` of RFC 6266 first, because it alone can carry every name. */
function fileNameOf(disposition: string | null): string | undefined {
  const extended = disposition?.match(/filename\*=UTF-8''([^;]+)/i)?.[1];
  const plain = disposition?.match(/filename="((?:[^"\\]|\\.)*)"/i)?.[1]?.replaceAll(/\\(.)/g, "$1");
  try {
    return extended === undefined ? plain : decodeURIComponent(extended);
  } catch {
    return plain;
  }
}

function parsed(exchange: Exchange, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw lost(exchange, error);
  }
}
