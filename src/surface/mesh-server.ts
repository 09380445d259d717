/** Answers calls that come over channels: the mesh surface of a node. It authenticates nobody; `identityOf` does. */
import { errorBody, OperoneError } from "../kernel/error.ts";
import type { Progress } from "../kernel/operation.ts";
import { decodeBody, encodeAnswer, encodeBody } from "./mesh.ts";
import { callOf, type MeshServerOptions, type OpenCall } from "./mesh-call.ts";
import type { MeshChannel } from "./mesh-channel.ts";
import {
  Bodies,
  BodyBudget,
  type Frame,
  FrameWriter,
  frameKind,
  framesOf,
  MeshProtocolError,
} from "./mesh-frames.ts";
import { type Body, type Request, readRequest } from "./mesh-messages.ts";
import { SeenCalls } from "./mesh-seen.ts";
import { serveOne } from "./mesh-serve-one.ts";

export interface MeshServer {
  /** Resolves when the channel is done; never rejects. */
  serve(channel: MeshChannel): Promise<void>;
}

/** Unary calls that run at once on one channel. */
export const unaryCallsMax = 256;
/** Channels of many calls that one peer may have: it needs one, and a second while a broken one is not yet noticed. */
export const unaryChannelsMax = 4;
/** Of requests that have begun and not ended, over all channels of the peer. */
export const openRequestsBytesMax = 8 * 1024 * 1024;
const requestMsMaxDefault = 10_000;
/** While so much waits for a peer that does not read its answers, no further call of it is looked at. */
const unsentBytesMax = 8 * 1024 * 1024;

export function meshServer(options: MeshServerOptions): MeshServer {
  const seen = new SeenCalls(options.monotonicMs);
  const open: OpenCall = (request, channel, onProgress) =>
    callOf(options, seen, request, channel.broken, onProgress);
  const budget = new BodyBudget(openRequestsBytesMax);
  const requestMsMax = options.requestMsMax ?? requestMsMaxDefault;
  let unaryChannels = 0;
  const serveMany = async (channel: MeshChannel, first: Frame, frames: AsyncIterable<Frame>) => {
    if (unaryChannels >= unaryChannelsMax) throw new MeshProtocolError("too many channels of many calls");
    unaryChannels += 1;
    try {
      await new UnaryServer({ ...options, budget, requestMsMax }, open, channel).serve(first, frames);
    } finally {
      unaryChannels -= 1;
    }
  };
  return {
    async serve(channel) {
      const frames = framesOf(channel.chunks);
      try {
        const first = await frames.next();
        if (first.done === true) return channel.close();
        if (first.value.call === 0)
          await serveOne({ view: options.view, open, channel, frames, budget, requestMsMax }, first.value);
        else await serveMany(channel, first.value, frames);
        channel.close();
      } catch {
        // The peer is gone or speaks another language; either way there is nobody to tell.
        channel.reset();
      }
    },
  };
}

type UnaryOptions = MeshServerOptions & { readonly budget: BodyBudget; readonly requestMsMax: number };

/** Many calls with one value each on one channel. */
class UnaryServer {
  readonly #options: UnaryOptions;
  readonly #open: OpenCall;
  readonly #channel: MeshChannel;
  readonly #writer: FrameWriter;
  readonly #bodies: Bodies;
  /** Of requests that have begun: ends the channel when one is not whole in time. */
  readonly #unfinished = new Map<number, ReturnType<typeof setTimeout>>();
  /** How to end each call that runs; a call that is still being judged cannot be ended yet. */
  readonly #running = new Map<number, (reason: OperoneError) => void>();
  #unsentBytes = 0;
  #onSent = () => {};

  constructor(options: UnaryOptions, open: OpenCall, channel: MeshChannel) {
    this.#options = options;
    this.#bodies = new Bodies(options.budget);
    this.#open = open;
    this.#channel = channel;
    this.#writer = new FrameWriter(channel);
  }

  async serve(first: Frame, frames: AsyncIterable<Frame>): Promise<void> {
    const gone = new OperoneError("cancelled", "The caller's node went away");
    try {
      this.#take(first);
      for await (const frame of frames) {
        this.#take(frame);
        if (this.#unsentBytes > unsentBytesMax) await this.#sent();
      }
    } finally {
      for (const timer of this.#unfinished.values()) clearTimeout(timer);
      this.#bodies.close();
      for (const abort of this.#running.values()) abort(gone);
    }
  }

  #take(frame: Frame): void {
    const { kind, call } = frame;
    if (call === 0) throw new MeshProtocolError("call 0 on a channel of many calls");
    if (kind === frameKind.cancel) {
      this.#bodies.drop(call);
      this.#finished(call);
      this.#running.get(call)?.(new OperoneError("cancelled", "The call was cancelled by its caller"));
    } else if (kind === frameKind.more || kind === frameKind.last) {
      const body = this.#bodies.add(frame);
      if (body === undefined) this.#unfinishedUntil(call);
      else {
        this.#finished(call);
        this.#begin(call, readRequest(decodeBody(body)));
      }
    } else throw new MeshProtocolError("raw bytes on a channel of many calls");
  }

  #unfinishedUntil(call: number): void {
    if (this.#unfinished.has(call)) return;
    const timer = setTimeout(() => this.#channel.reset(), this.#options.requestMsMax);
    this.#unfinished.set(call, timer);
  }

  #finished(call: number): void {
    clearTimeout(this.#unfinished.get(call));
    this.#unfinished.delete(call);
  }

  #begin(call: number, request: Request): void {
    if (this.#running.has(call)) throw new MeshProtocolError(`call ${call} twice`);
    let ended: OperoneError | undefined;
    this.#running.set(call, (reason) => {
      ended = reason;
    });
    const answer =
      this.#running.size > unaryCallsMax
        ? Promise.resolve({ error: errorBody(tooMany()) })
        : this.#answer(call, request, () => ended);
    void answer
      .then((body) => this.#send(call, encodeAnswer(request.operation, body)))
      .catch(() => this.#channel.reset())
      .finally(() => this.#running.delete(call));
  }

  async #send(call: number, body: Uint8Array): Promise<void> {
    this.#unsentBytes += body.length;
    await this.#writer.body(call, body);
    await this.#writer.flushed();
    this.#unsentBytes -= body.length;
    this.#onSent();
  }

  /** Resolves when the peer has read enough again, or its channel is gone. */
  async #sent(): Promise<void> {
    const { broken } = this.#channel;
    while (this.#unsentBytes > unsentBytesMax && !broken.aborted) {
      await new Promise<void>((resolve) => {
        this.#onSent = resolve;
        broken.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  async #answer(call: number, request: Request, ended: () => OperoneError | undefined): Promise<Body> {
    try {
      this.#refuseStreams(request);
      const opened = await this.#open(request, this.#channel, (progress) => this.#progress(call, progress));
      try {
        const reason = ended();
        if (reason !== undefined) throw reason;
        this.#running.set(call, opened.abort);
        const answer = await this.#options.view.call(opened.call);
        if (answer.gives === "value") return { value: answer.value, callId: answer.callId };
        throw new Error(
          `"${request.operation}" gave ${answer.gives} and not the value that its definition names`,
        );
      } finally {
        opened.done();
      }
    } catch (error) {
      return { error: errorBody(error) };
    }
  }

  /** Before it runs: what it would give could not be sent here. */
  #refuseStreams({ operation: id }: Request): void {
    const operation = this.#options.view.table.get(id);
    if (operation === undefined || !operation.surfaces.includes("mesh")) return;
    if (operation.takes === "nothing" && operation.gives === "value") return;
    throw new OperoneError(
      "unsupported",
      `"${id}" needs a channel of its own on this node; its version is another`,
    );
  }

  #progress(call: number, progress: Progress): void {
    void this.#writer.body(call, encodeBody({ progress }, "Progress")).catch(() => {});
  }
}

function tooMany(): OperoneError {
  return new OperoneError("limited", `${unaryCallsMax} calls of this node are running; wait for some to end`);
}
