/** Bodies of requests: JSON within limits, and bytes as they come. */
import { OperoneError } from "../kernel/error.ts";
import type { HttpLimits, Timer } from "./http-limits.ts";
import { mediaType } from "./http-wire.ts";

type BodyLimits = Pick<HttpLimits, "bodyBytesMax" | "bodyTimeoutMs" | "jsonDepthMax">;

/**
 * @throws OperoneError `too_large`, `deadline` (the body came too slowly), `invalid_input` (no UTF-8, no JSON, too
 * deep), `cancelled` (the client went away).
 */
export async function readJson(request: Request, limits: BodyLimits, timer: Timer): Promise<unknown> {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > limits.bodyBytesMax) throw tooLarge(limits.bodyBytesMax);
  const bytes = await readBytes(request, limits, timer);
  if (bytes.length === 0) {
    throw new OperoneError(
      "invalid_input",
      'The body is empty; send the input as a JSON object, "{}" at least',
    );
  }
  return parseJson(decode(bytes), limits.jsonDepthMax);
}

/** @throws OperoneError `invalid_input` */
export function parseJson(text: string, depthMax: number): unknown {
  // A text this short cannot be that deep and complete, and most bodies are short.
  if (text.length > 2 * depthMax) assertShallow(text, depthMax);
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be read";
    throw new OperoneError("invalid_input", `The body is not JSON: ${why}`);
  }
}

/** Looks at the text alone, because parsing it would already need the stack that the limit protects. */
function assertShallow(text: string, depthMax: number): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > depthMax) {
        throw new OperoneError(
          "invalid_input",
          `The JSON is nested more than ${depthMax} levels deep; send it flatter`,
        );
      }
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
}

function readBytes(request: Request, limits: BodyLimits, timer: Timer): Promise<Uint8Array> {
  if (request.body === null) return Promise.resolve(new Uint8Array());
  // With the length announced the server itself holds the client to it, and reading at once is faster.
  const whole = request.headers.has("content-length")
    ? request.bytes()
    : collect(request.body, limits.bodyBytesMax);
  return new Promise((resolve, reject) => {
    const cancelTimer = timer.after(limits.bodyTimeoutMs, () => reject(tooSlow(limits.bodyTimeoutMs)));
    whole.then(
      (bytes) => {
        cancelTimer();
        resolve(bytes);
      },
      (error: unknown) => {
        cancelTimer();
        reject(error instanceof OperoneError ? error : clientGone());
      },
    );
  });
}

/** Into one buffer that doubles, so that a body in very small pieces costs no more than one in large ones. */
async function collect(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const reader = body.getReader();
  let buffer = new Uint8Array(4_096);
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return buffer.subarray(0, size);
    if (size + value.length > bytesMax) {
      void reader.cancel().catch(() => {});
      throw tooLarge(bytesMax);
    }
    if (size + value.length > buffer.length) buffer = grown(buffer, size + value.length);
    buffer.set(value, size);
    size += value.length;
  }
}

function grown(buffer: Uint8Array, sizeMin: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(sizeMin, buffer.length * 2));
  larger.set(buffer);
  return larger;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new OperoneError("invalid_input", "The body is not UTF-8, and JSON must be");
  }
}

/** The bytes that an operation takes, read only as fast as it reads them. */
export interface Upload {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Whether the client's last byte was read. Otherwise the connection cannot carry another request. */
  ended(): boolean;
  /** Stops reading. */
  stop(): void;
}

/**
 * While nothing is read of a connection, nothing is heard of it either, its end included. So what the operation does
 * not want is still taken, a piece at a time: slow enough to cost nothing, and fast enough to hear a client leave.
 */
const trickleMs = 250;

export function uploadOf(request: Request, timer: Timer): Upload {
  const reader = request.body?.getReader();
  let ended = reader === undefined;
  let stopped = false;
  const read = async () => {
    if (ended || reader === undefined) return undefined;
    const step = await reader.read();
    if (step.done) ended = true;
    return step.value;
  };
  const trickle = async () => {
    while (!ended && !stopped) {
      await new Promise<void>((resolve) => void timer.after(trickleMs, resolve));
      if (!stopped) await read();
    }
  };
  const bytes: AsyncIterableIterator<Uint8Array> = {
    async next() {
      const value = await read().catch(() => {
        throw clientGone();
      });
      return value === undefined ? { done: true, value } : { done: false, value };
    },
    async return() {
      void trickle().catch(() => {});
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  return {
    bytes,
    ended: () => ended,
    stop() {
      stopped = true;
      void reader?.cancel().catch(() => {});
    },
  };
}

/** The media type of a body without its parameters. @throws OperoneError `unsupported_media` */
export function bodyMediaType(request: Request, allowed: readonly string[]): string {
  const header = request.headers.get("content-type");
  if (header === mediaType.json && allowed.includes(mediaType.json)) return mediaType.json;
  const [type = ""] = (header ?? "").split(";", 1);
  const essence = type.trim().toLowerCase();
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(header ?? "")?.[1]?.toLowerCase();
  if (
    allowed.includes(essence) &&
    (charset === undefined || charset === "utf-8" || essence !== mediaType.json)
  ) {
    return essence;
  }
  const was = header === null ? "no content-type" : `content-type ${JSON.stringify(header)}`;
  throw new OperoneError(
    "unsupported_media",
    `The request has ${was}; send "content-type: ${allowed.join('" or "')}"`,
    {
      allowed,
    },
  );
}

function tooLarge(bytesMax: number): OperoneError {
  return new OperoneError("too_large", `The body is larger than ${bytesMax} bytes; send less in one call`, {
    limitBytes: bytesMax,
  });
}

function tooSlow(timeoutMs: number): OperoneError {
  return new OperoneError("deadline", `The body did not arrive within ${timeoutMs} ms; send it faster`);
}

function clientGone(): OperoneError {
  return new OperoneError("cancelled", "The client went away before the body had arrived");
}
