/** Calls another node over channels. */
import type { Answer } from "../kernel/call.ts";
import { errorFromBody, OperoneError } from "../kernel/error.ts";
import type { Progress } from "../kernel/operation.ts";
import type { OperationTable } from "../kernel/view.ts";
import type { ClientCallOptions, OperationClient } from "./client.ts";
import { cancelled, type Exchange, exchangeOf, lost, unopened } from "./exchange.ts";
import { decodeAnswer, encodeBody } from "./mesh.ts";
import { callOnOwnChannel } from "./mesh-call-one.ts";
import type { MeshChannel, OpenChannel } from "./mesh-channel.ts";
import { Bodies, FrameWriter, frameKind, framesOf, MeshProtocolError } from "./mesh-frames.ts";
import { type Body, readBody } from "./mesh-messages.ts";

export interface MeshClientOptions {
  readonly openChannel: OpenChannel;
  /** Shapes and effects as this node knows them; an operation that is not in it is called all the same. */
  readonly table: OperationTable;
}

/** Calls that wait for their answer on the shared channel. */
const unaryWaitingMax = 1_024;

export function meshClient(options: MeshClientOptions): OperationClient {
  const unary = new UnaryChannel(options.openChannel);
  return {
    async call(id, input, call = {}) {
      const operation = options.table.get(id);
      const exchange = exchangeOf(operation, id, call);
      if (exchange.signal?.aborted === true) throw cancelled(exchange);
      const request = encodeBody(requestOf(id, input, call), `The call of "${id}"`);
      if (operation?.gives === "value" && operation.takes === "nothing") {
        return await unary.call(exchange, request, call.onProgress);
      }
      return await callOnOwnChannel({
        exchange,
        request,
        call,
        openChannel: options.openChannel,
      });
    },
  };
}

/** Without what is undefined: a body that MessagePack takes as it is costs a third of one that must be made anew. */
function requestOf(
  operation: string,
  input: unknown,
  { callId, deadlineMs, idempotencyKey, onProgress, claims, bytes, messages }: ClientCallOptions,
): Body {
  return {
    operation,
    input: input ?? {},
    ...(callId === undefined ? {} : { callId }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(bytes === undefined && messages === undefined ? {} : { streams: true }),
    ...(onProgress === undefined ? {} : { progress: true }),
    ...(claims === undefined ? {} : { claims }),
  };
}

interface Waiting {
  readonly exchange: Exchange;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** The one channel that all calls with one value share; opened when it is needed, and again after it broke. */
class UnaryChannel {
  readonly #openChannel: OpenChannel;
  #connection: Promise<UnaryConnection> | undefined;
  #connected: UnaryConnection | undefined;

  constructor(openChannel: OpenChannel) {
    this.#openChannel = openChannel;
  }

  async call(exchange: Exchange, request: Uint8Array, onProgress: Waiting["onProgress"]): Promise<Answer> {
    const connection = this.#connected ?? (await this.#opened(exchange));
    return await connection.call(exchange, request, onProgress);
  }

  async #opened(exchange: Exchange): Promise<UnaryConnection> {
    this.#connection ??= this.#connect();
    const { signal } = exchange;
    // The channel is for all calls, so one that is cancelled only stops waiting for it.
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(cancelled(exchange));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([this.#connection, aborted.promise]);
    } catch (error) {
      throw unopened(exchange, error);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #connect(): Promise<UnaryConnection> {
    try {
      const channel = await this.#openChannel(new AbortController().signal);
      this.#connected = new UnaryConnection(channel, () => {
        this.#connection = undefined;
        this.#connected = undefined;
      });
      return this.#connected;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }
}

class UnaryConnection {
  readonly #channel: MeshChannel;
  readonly #writer: FrameWriter;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEnd: () => void;
  #calls = 0;
  #ended = false;

  constructor(channel: MeshChannel, onEnd: () => void) {
    this.#channel = channel;
    this.#writer = new FrameWriter(channel);
    this.#onEnd = onEnd;
    void this.#read();
  }

  async call(exchange: Exchange, request: Uint8Array, onProgress: Waiting["onProgress"]): Promise<Answer> {
    // Between opening and now it may have broken; nothing was sent then.
    if (this.#ended) throw unopened(exchange, undefined);
    if (this.#waiting.size >= unaryWaitingMax) {
      throw new OperoneError(
        "limited",
        `${unaryWaitingMax} calls to that node wait for their answers; try again later`,
      );
    }
    this.#calls += 1;
    const call = this.#calls;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.set(call, { exchange, resolve, reject, onProgress });
    const onAbort = () => this.#cancel(call);
    exchange.signal?.addEventListener("abort", onAbort, { once: true });
    this.#writer.body(call, request).catch((error: unknown) => this.#end(error));
    try {
      return await promise;
    } finally {
      exchange.signal?.removeEventListener("abort", onAbort);
    }
  }

  #cancel(call: number): void {
    const waiting = this.#waiting.get(call);
    if (waiting === undefined) return;
    this.#waiting.delete(call);
    waiting.reject(cancelled(waiting.exchange));
    this.#writer.frame(frameKind.cancel, call).catch((error: unknown) => this.#end(error));
  }

  async #read(): Promise<void> {
    const bodies = new Bodies();
    try {
      for await (const frame of framesOf(this.#channel.chunks)) {
        if (frame.kind !== frameKind.more && frame.kind !== frameKind.last) {
          throw new MeshProtocolError(`a frame of kind ${frame.kind} on a channel of many calls`);
        }
        if (frame.call === 0 || frame.call > this.#calls)
          throw new MeshProtocolError(`an answer to call ${frame.call}`);
        const body = bodies.add(frame);
        if (body !== undefined) this.#answer(frame.call, readBody(decodeAnswer(body)));
      }
      this.#end(undefined);
    } catch (error) {
      this.#end(error);
    }
  }

  /** An answer to a call that was cancelled meanwhile is dropped. */
  #answer(call: number, body: Body): void {
    const waiting = this.#waiting.get(call);
    if (waiting === undefined) return;
    if ("progress" in body) {
      waiting.onProgress?.(body.progress as Progress);
      return;
    }
    this.#waiting.delete(call);
    if ("error" in body) waiting.reject(errorFromBody(body.error));
    else if ("value" in body)
      waiting.resolve({ gives: "value", callId: String(body.callId), value: body.value });
    else waiting.reject(lost(waiting.exchange));
  }

  #end(cause: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    this.#channel.reset();
    for (const { exchange, reject } of this.#waiting.values()) reject(lost(exchange, cause));
    this.#waiting.clear();
  }
}
