/** The caller's side of a call on a channel of its own. */
import type { Answer } from "../kernel/call.ts";
import { errorFromBody, OperoneError } from "../kernel/error.ts";
import type { BytesAnswer, Progress } from "../kernel/operation.ts";
import type { ClientCallOptions } from "./client.ts";
import { cancellable, cancelled, type Exchange, lost, unopened } from "./exchange.ts";
import { decodeAnswer, encodeBody } from "./mesh.ts";
import type { MeshChannel, OpenChannel } from "./mesh-channel.ts";
import { Bodies, type Frame, FrameWriter, frameKind, framesOf, MeshProtocolError } from "./mesh-frames.ts";
import { type Accepted, type Body, readAccepted, readBody } from "./mesh-messages.ts";

export interface OwnChannelCall {
  readonly exchange: Exchange;
  readonly request: Uint8Array;
  readonly call: ClientCallOptions;
  readonly openChannel: OpenChannel;
}

export async function callOnOwnChannel({
  exchange,
  request,
  call,
  openChannel,
}: OwnChannelCall): Promise<Answer> {
  const signal = exchange.signal ?? new AbortController().signal;
  let channel: MeshChannel;
  try {
    channel = await openChannel(signal);
  } catch (error) {
    throw unopened(exchange, error);
  }
  const running = new OwnChannel(exchange, channel, call.onProgress);
  void running.send(request, call);
  return await running.answer();
}

class OwnChannel {
  readonly #exchange: Exchange;
  readonly #channel: MeshChannel;
  readonly #writer: FrameWriter;
  readonly #frames: AsyncGenerator<Frame, void>;
  readonly #bodies = new Bodies();
  readonly #onProgress: ((progress: Progress) => void) | undefined;
  readonly #onAbort = () => this.reset();
  /** An error of the caller's own bytes or messages: it says more than the reset that follows from it. */
  #inputError: unknown;

  constructor(
    exchange: Exchange,
    channel: MeshChannel,
    onProgress: ((progress: Progress) => void) | undefined,
  ) {
    this.#exchange = exchange;
    this.#channel = channel;
    this.#writer = new FrameWriter(channel);
    this.#frames = framesOf(channel.chunks);
    this.#onProgress = onProgress;
    exchange.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (exchange.signal?.aborted === true) this.reset();
  }

  /** The request, then the caller's bytes or messages. */
  async send(request: Uint8Array, { bytes, messages }: ClientCallOptions): Promise<void> {
    const source = (bytes ?? messages)?.[Symbol.asyncIterator]();
    try {
      await this.#writer.body(0, request);
      if (source === undefined) return;
      for (;;) {
        const step = await this.#unlessBroken(source.next());
        if (step === undefined) return;
        if (step.done === true) break;
        if (bytes !== undefined) await this.#writer.bytes(0, step.value as Uint8Array);
        else await this.#writer.body(0, encodeBody({ message: step.value }, "A message"));
      }
      await this.#writer.frame(frameKind.inputEnd, 0);
    } catch (error) {
      this.#inputError ??= error;
      this.reset();
    } finally {
      // Not awaited: a source that waits for its own input would never end.
      void Promise.resolve(source?.return?.()).catch(() => {});
    }
  }

  async answer(): Promise<Answer> {
    const body = await this.#body();
    if ("value" in body) {
      this.#end();
      return { gives: "value", callId: String(body.callId), value: body.value };
    }
    const accepted = this.#checked(() => readAccepted(body.accepted));
    const { callId } = accepted;
    if (accepted.gives === "items") {
      return { gives: "items", callId, items: cancellable(this.#items(), () => this.reset()) };
    }
    if (accepted.gives === "bytes") return this.#bytesAnswer(accepted);
    throw this.#failed(new MeshProtocolError("an acceptance of a value without the value"));
  }

  reset(): void {
    this.#channel.reset();
    this.#forget();
  }

  #end(): void {
    this.#channel.close();
    this.#forget();
  }

  #forget(): void {
    this.#exchange.signal?.removeEventListener("abort", this.#onAbort);
  }

  async *#items(): AsyncGenerator<unknown, void> {
    for (;;) {
      const body = await this.#body();
      if ("end" in body) return this.#end();
      if ("item" in body) yield body.item;
    }
  }

  #bytesAnswer({
    callId,
    opened,
    mediaType,
    sizeBytes,
    etag,
    fileName,
  }: Extract<Accepted, { gives: "bytes" }>): Answer {
    let used = false;
    const open: BytesAnswer["open"] = (range) => {
      const { operation } = this.#exchange;
      if (used)
        throw new OperoneError("conflict", `The bytes of "${operation}" were opened twice; call it again`);
      if (opened && range !== undefined)
        throw new OperoneError("range", `"${operation}" gives its bytes only as a whole`);
      used = true;
      const begin = opened ? undefined : encodeBody({ open: range ?? null }, "The range");
      return cancellable(this.#chunks(begin), () => this.reset());
    };
    const bytes: BytesAnswer = {
      mediaType,
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(etag === undefined ? {} : { etag }),
      ...(fileName === undefined ? {} : { fileName }),
      open,
    };
    return { gives: "bytes", callId, bytes, discard: () => this.reset() };
  }

  async *#chunks(begin: Uint8Array | undefined): AsyncGenerator<Uint8Array, void> {
    if (begin !== undefined) this.#writer.body(0, begin).catch(() => this.reset());
    for (;;) {
      const frame = await this.#frame();
      if (frame.kind === frameKind.bytes) yield frame.payload;
      else {
        const body = this.#take(frame);
        if (body !== undefined && "end" in body) return this.#end();
      }
    }
  }

  /** The next body that is no progress. @throws the node's error */
  async #body(): Promise<Body> {
    for (;;) {
      const body = this.#take(await this.#frame());
      if (body !== undefined) return body;
    }
  }

  /** @throws the node's error, or `lost` when the channel ended before the call */
  async #frame(): Promise<Frame> {
    let step: IteratorResult<Frame, void>;
    try {
      step = await this.#frames.next();
    } catch (error) {
      throw this.#failed(error);
    }
    if (step.done === true) throw this.#failed(undefined);
    if (step.value.call !== 0)
      throw this.#failed(new MeshProtocolError(`call ${step.value.call} on a channel of one call`));
    return step.value;
  }

  #take(frame: Frame): Body | undefined {
    const body = this.#checked(() => {
      if (frame.kind !== frameKind.more && frame.kind !== frameKind.last) {
        throw new MeshProtocolError(`a frame of kind ${frame.kind} where none may come`);
      }
      const bytes = this.#bodies.add(frame);
      return bytes === undefined ? undefined : readBody(decodeAnswer(bytes));
    });
    if (body === undefined) return undefined;
    if ("error" in body) {
      this.#end();
      throw errorFromBody(body.error);
    }
    if (!("progress" in body)) return body;
    this.#onProgress?.(body.progress as Progress);
    return undefined;
  }

  #checked<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #failed(cause: unknown): unknown {
    this.reset();
    if (this.#exchange.signal?.aborted === true) return cancelled(this.#exchange);
    return this.#inputError ?? lost(this.#exchange, cause);
  }

  #unlessBroken<T>(work: Promise<T>): Promise<T | undefined> {
    const { broken } = this.#channel;
    if (broken.aborted) return Promise.resolve(undefined);
    const gone = Promise.withResolvers<undefined>();
    const onBroken = () => gone.resolve(undefined);
    broken.addEventListener("abort", onBroken, { once: true });
    return Promise.race([work, gone.promise]).finally(() => broken.removeEventListener("abort", onBroken));
  }
}
