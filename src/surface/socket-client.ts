/** Calls with messages over a WebSocket, in the frames that http-wire.ts describes. */
import type { Answer } from "../kernel/call.ts";
import { errorFromBody, OperoneError } from "../kernel/error.ts";
import type { BytesAnswer, Gives, Operation, Progress } from "../kernel/operation.ts";
import type { ClientCallOptions } from "./client.ts";
import { cancellable, cancelled, type Exchange, failure, lost } from "./exchange.ts";
import { bearerProtocolPrefix, webSocketProtocol } from "./http-wire.ts";

/** Headers are for platforms whose WebSocket can send them; the protocols carry the token for those that cannot. */
export type OpenWebSocket = (
  url: string,
  options: { readonly protocols: readonly string[]; readonly headers: Readonly<Record<string, string>> },
) => WebSocket;

export interface SocketCall {
  readonly exchange: Exchange;
  readonly operation: Operation | undefined;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly token: string | undefined;
  readonly call: ClientCallOptions;
  readonly open: OpenWebSocket | undefined;
}

/** What the reader has not taken yet. A WebSocket cannot be paused, so a reader that stands still ends the call. */
const waitingFramesMax = 10_000;
const waitingBytesMax = 64 * 1024 * 1024;
/** Messages wait while more than this is on its way. */
const bufferedBytesMax = 1024 * 1024;
/** The WebSocket interface has no event for "sent", so it is asked this often. */
const bufferedPollMs = 5;

export async function socketCall(socketCall: SocketCall): Promise<Answer> {
  const { exchange, operation, url, headers, token, call, open } = socketCall;
  if (open === undefined) {
    throw new OperoneError(
      "unsupported",
      `"${exchange.operation}" takes messages, and this client opens no WebSocket`,
    );
  }
  const protocols = [webSocketProtocol, ...(token === undefined ? [] : [bearerProtocolPrefix + token])];
  const frames = new Frames(exchange, open(url.replace(/^http/, "ws"), { protocols, headers }));
  try {
    await frames.opened;
    void pump(frames, call.messages);
    return await answerFrom(frames, operation?.gives ?? "items", call);
  } catch (error) {
    frames.close();
    throw failure(exchange, error);
  }
}

/** Sends the caller's messages; an error of their source ends the call with it. */
async function pump(frames: Frames, messages: AsyncIterable<unknown> | undefined): Promise<void> {
  const iterator = messages?.[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await Promise.race([iterator?.next(), frames.ended]);
      if (step === undefined || step.done === true) break;
      await frames.send({ message: step.value });
    }
    await frames.send({ end: true });
  } catch (error) {
    frames.fail(error);
  } finally {
    void Promise.resolve(iterator?.return?.()).catch(() => {});
  }
}

async function answerFrom(frames: Frames, gives: Gives, { onProgress }: ClientCallOptions): Promise<Answer> {
  const first = await frames.next();
  if (first instanceof Uint8Array || typeof first.callId !== "string") throw lost(frames.exchange);
  const callId = first.callId;
  const items = cancellable(itemsOf(frames, onProgress), () => frames.close());
  if (gives === "items") return { gives, callId, items };
  if (gives === "bytes")
    return { gives, callId, bytes: bytesOf(frames, items), discard: () => frames.close() };
  for await (const value of items) return { gives, callId, value };
  throw lost(frames.exchange);
}

function bytesOf({ exchange }: Frames, items: AsyncIterable<unknown>): BytesAnswer {
  return {
    mediaType: "application/octet-stream",
    open(range) {
      if (range === undefined) return items as AsyncIterable<Uint8Array>;
      throw new OperoneError("range", `"${exchange.operation}" gives its bytes only as a whole`);
    },
  };
}

async function* itemsOf(
  frames: Frames,
  onProgress: ((progress: Progress) => void) | undefined,
): AsyncGenerator<unknown, void> {
  for (;;) {
    const frame = await frames.next();
    if (frame instanceof Uint8Array) yield frame;
    else if ("item" in frame) yield frame.item;
    else if ("value" in frame) yield frame.value;
    else if ("progress" in frame) onProgress?.(frame.progress as Progress);
    else if ("end" in frame) return frames.close();
  }
}

type Frame = Uint8Array | Record<string, unknown>;

/** The frames of one socket as a queue with a limit. */
class Frames {
  readonly exchange: Exchange;
  readonly socket: WebSocket;
  readonly opened: Promise<void>;
  /** Resolves when the socket is closed, for whatever reason. */
  readonly ended: Promise<undefined>;
  readonly #queue: Frame[] = [];
  #queueBytes = 0;
  #failure: unknown;
  #wake: () => void = () => {};

  constructor(exchange: Exchange, socket: WebSocket) {
    this.exchange = exchange;
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent) => this.#receive(data);
    const onAbort = () => this.fail(cancelled(exchange));
    exchange.signal?.addEventListener("abort", onAbort, { once: true });
    this.ended = new Promise((resolve) => {
      socket.addEventListener("close", () => {
        exchange.signal?.removeEventListener("abort", onAbort);
        this.fail(lost(exchange));
        resolve(undefined);
      });
    });
    this.opened = new Promise((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(this.#failure ?? unopened(exchange));
    });
    // An error after the opening is told by the frames; this promise has no listener any more then.
    this.opened.catch(() => {});
  }

  /** The next frame. @throws the node's error, or `lost` when the socket closed before the end. */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#queue.shift();
      if (frame !== undefined) {
        this.#queueBytes -= sizeOf(frame);
        return frame;
      }
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async send(frame: Readonly<Record<string, unknown>>): Promise<void> {
    while (this.socket.bufferedAmount > bufferedBytesMax && this.socket.readyState === this.socket.OPEN) {
      await new Promise((resolve) => setTimeout(resolve, bufferedPollMs));
    }
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  /** The first failure counts; frames that came before it are still read. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.close();
    this.#wake();
  }

  close(): void {
    if (this.socket.readyState < this.socket.CLOSING) this.socket.close();
  }

  #receive(data: unknown): void {
    if (this.#failure !== undefined) return;
    const frame = frameOf(data);
    if (frame === undefined) this.fail(lost(this.exchange));
    else if (!(frame instanceof Uint8Array) && "error" in frame) this.fail(errorFromBody(frame.error));
    else this.#push(frame);
  }

  #push(frame: Frame): void {
    this.#queue.push(frame);
    this.#queueBytes += sizeOf(frame);
    if (this.#queue.length > waitingFramesMax || this.#queueBytes > waitingBytesMax) {
      this.fail(
        new OperoneError("limited", `The answer of "${this.exchange.operation}" was not read fast enough`),
      );
    }
    this.#wake();
  }
}

function frameOf(data: unknown): Frame | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (typeof data !== "string") return undefined;
  try {
    const frame: unknown = JSON.parse(data);
    return typeof frame === "object" && frame !== null ? (frame as Frame) : undefined;
  } catch {
    return undefined;
  }
}

/** Text frames are counted as small; their number is limited. */
function sizeOf(frame: Frame): number {
  return frame instanceof Uint8Array ? frame.length : 0;
}

function unopened(exchange: Exchange): OperoneError {
  if (exchange.signal?.aborted === true) return cancelled(exchange);
  return new OperoneError(
    "unavailable",
    `The WebSocket for "${exchange.operation}" was not opened: no node answered, or it refused the credentials`,
  );
}
