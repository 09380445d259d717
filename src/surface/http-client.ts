/** Calls a node over HTTP. */
import { OperoneError } from "../kernel/error.ts";
import type { Gives, Operation } from "../kernel/operation.ts";
import { selectsMany } from "../kernel/selector.ts";
import type { OperationTable } from "../kernel/view.ts";
import type { ClientCallOptions, OperationClient } from "./client.ts";
import { answerOf, refusalOf, type Send } from "./client-answer.ts";
import { cancelled, type Exchange, exchangeOf, failure } from "./exchange.ts";
import { headerName, mediaType, operationPath } from "./http-wire.ts";
import { stringsFromInput } from "./schema.ts";
import { type OpenWebSocket, socketCall } from "./socket-client.ts";

/** What the client needs of `fetch`; the platform's own has this shape, and one that goes over a Unix socket too. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly redirect: "error";
  readonly signal?: AbortSignal;
  readonly body?: string | ReadableStream<Uint8Array>;
  /** Needed by Node and Deno for a body that is a stream. */
  readonly duplex?: "half";
}

export interface HttpClientOptions {
  readonly fetch: Fetch;
  /** `http://127.0.0.1:6737`, without a path. */
  readonly baseUrl: string;
  /** Shapes and effects of the operations; one that is not in it is called all the same. */
  readonly table: OperationTable;
  readonly token?: string;
  readonly surface?: "cli";
  /** Items come in frames where the node knows them. Strings of them may then be a ByteText. */
  readonly frames?: boolean;
  /** Needed for operations that take messages. */
  readonly openWebSocket?: OpenWebSocket;
}

export function httpClient(options: HttpClientOptions): OperationClient {
  return {
    async call(id, input, call = {}) {
      const operation = options.table.get(id);
      const exchange = exchangeOf(operation, id, call);
      if (exchange.signal?.aborted === true) throw cancelled(exchange);
      const url = urlOf(options.baseUrl, id, operation, input, call);
      const headers = headersOf(options, call);
      if (call.messages !== undefined || operation?.takes === "messages") {
        return socketCall({
          exchange,
          operation,
          url,
          headers,
          token: options.token,
          call,
          open: options.openWebSocket,
        });
      }
      const gives = selectsMany(call.node) && operation?.gives === "value" ? "items" : operation?.gives;
      const send: Send = (extra = {}) =>
        request(
          options.fetch,
          exchange,
          url,
          { ...headers, accept: acceptOf(gives, call, options.frames), ...extra },
          input,
          call,
        );
      const response = await send();
      if (!response.ok) throw await refusalOf(exchange, response);
      return answerOf(exchange, gives, response, call, send);
    },
  };
}

function urlOf(
  baseUrl: string,
  id: string,
  operation: Operation | undefined,
  input: unknown,
  call: ClientCallOptions,
): string {
  const url = new URL(operationPath(id), baseUrl);
  if (call.node !== undefined) url.searchParams.set("node", call.node);
  if (operation === undefined || (call.bytes === undefined && operation.takes !== "messages"))
    return url.href;
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new OperoneError(
      "invalid_input",
      `The input of "${id}" must be an object, and is ${JSON.stringify(input)}`,
    );
  }
  for (const [name, text] of stringsFromInput(operation, input as Record<string, unknown>)) {
    url.searchParams.append(name, text);
  }
  if (url.href.length <= urlLengthMax) return url.href;
  throw new OperoneError(
    "too_large",
    `The input of "${id}" has ${url.href.length} characters; beside bytes or messages that stream in, at most ${urlLengthMax} can be sent. Put the long part into those, or send the input alone as a JSON body over HTTP`,
  );
}

/** The server takes 16 KiB of request line and headers together. */
const urlLengthMax = 14_000;

function headersOf({ token, surface }: HttpClientOptions, call: ClientCallOptions): Record<string, string> {
  const key = call.idempotencyKey;
  if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new OperoneError(
      "invalid_input",
      `The idempotency key ${JSON.stringify(key)} must be 1 to 255 visible ASCII characters`,
    );
  }
  return {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(surface === undefined ? {} : { [headerName.surface]: surface }),
    ...(key === undefined ? {} : { [headerName.idempotencyKey]: key }),
  };
}

function acceptOf(
  gives: Gives | undefined,
  { onProgress }: ClientCallOptions,
  frames: boolean | undefined,
): string {
  if (gives === "bytes") return "*/*";
  // Not as lines: events and frames say where the items end, and carry progress between them.
  if (gives === "items")
    return frames === true ? `${mediaType.frames}, ${mediaType.sse};q=0.5` : mediaType.sse;
  return onProgress === undefined
    ? `${mediaType.json}, */*;q=0.1`
    : `${mediaType.sse}, ${mediaType.json};q=0.5`;
}

async function request(
  fetch: Fetch,
  exchange: Exchange,
  url: string,
  headers: Record<string, string>,
  input: unknown,
  { bytes }: ClientCallOptions,
): Promise<Response> {
  const { signal } = exchange;
  const upload = bytes === undefined ? undefined : uploadOf(bytes);
  const body =
    upload === undefined
      ? { body: JSON.stringify(input ?? {}), headers: { ...headers, "content-type": mediaType.json } }
      : {
          body: upload.stream,
          duplex: "half" as const,
          headers: { ...headers, "content-type": mediaType.bytes },
        };
  try {
    return await fetch(url, {
      method: "POST",
      redirect: "error",
      ...(signal === undefined ? {} : { signal }),
      ...body,
    });
  } catch (error) {
    throw failure(exchange, upload?.failed() ?? error);
  }
}

/** The caller's bytes as a body, read only as fast as the node takes them. */
function uploadOf(bytes: AsyncIterable<Uint8Array>): {
  readonly stream: ReadableStream<Uint8Array>;
  failed(): unknown;
} {
  const iterator = bytes[Symbol.asyncIterator]();
  let sourceError: unknown;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const step = await iterator.next();
          if (step.done === true) controller.close();
          else controller.enqueue(step.value);
        } catch (error) {
          sourceError = error;
          controller.error(error);
        }
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, failed: () => sourceError };
}
