/** Bodies of answers that are made while they are read. */
import { OperoneError } from "../kernel/error.ts";
import type { HttpLimits, Timer } from "./http-limits.ts";

type StreamLimits = Pick<HttpLimits, "heartbeatMs" | "stallMs">;

export interface StreamOptions {
  readonly limits: StreamLimits;
  readonly timer: Timer;
  /** Sent every `heartbeatMs` while there is nothing else to send. None: silence is fine. */
  readonly heartbeat?: Uint8Array;
  /** What goes before the next chunk, asked for at each step and after `nudge`. */
  aside?(): Uint8Array | undefined;
  /** Called once, however the stream ends; `reason` is undefined when all was sent. */
  onEnd(reason: OperoneError | undefined): void;
}

/**
 * A body that takes the next chunk only when the client has room for it, so that what a slow client has not read
 * yet waits in the operation and not in memory. The connection is reset when `chunks` throws, and when the client
 * takes nothing for `stallMs`.
 */
export function bodyStream(chunks: AsyncIterator<Uint8Array>, options: StreamOptions): BodyStream {
  const source = new PulledChunks(chunks, options);
  return { body: new ReadableStream(source, { highWaterMark: 0 }), nudge: () => source.nudge() };
}

export interface BodyStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Says that `aside` has something to send. */
  nudge(): void;
}

type Step = { readonly result: IteratorResult<Uint8Array, unknown> } | { readonly error: unknown };

const nothing = new Uint8Array();

class PulledChunks {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #options: StreamOptions;
  #asked = false;
  #step: Step | undefined;
  #ended = false;
  /** Set while a pull waits for the next chunk. */
  #wake: (() => void) | undefined;
  #pulls = 0;
  #pullsAtTick = 0;
  #stalledMs = 0;
  #stopTicking: () => void = () => {};

  constructor(chunks: AsyncIterator<Uint8Array>, options: StreamOptions) {
    this.#chunks = chunks;
    this.#options = options;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const { timer, limits } = this.#options;
    const tick = () => {
      this.#stopTicking = timer.after(limits.heartbeatMs, tick);
      this.#onTick(controller);
    };
    this.#stopTicking = timer.after(limits.heartbeatMs, tick);
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#pulls++;
    this.#ask();
    const aside = this.#options.aside?.();
    if (aside !== undefined) return controller.enqueue(aside);
    if (this.#step === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    if (this.#ended) return;
    const step = this.#step;
    if (step === undefined) return this.#fill(controller);
    this.#step = undefined;
    this.#asked = false;
    if ("error" in step) return this.#fail(controller, step.error);
    if (step.result.done !== true) return controller.enqueue(step.result.value);
    this.#end(undefined);
    controller.close();
  }

  nudge(): void {
    this.#wake?.();
  }

  cancel(): void {
    this.#end(new OperoneError("cancelled", "The client went away"));
  }

  /** Asks for the next chunk, unless it is asked for already: a heartbeat leaves the question open. */
  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    const settle = (step: Step) => {
      this.#step = step;
      this.#wake?.();
    };
    this.#chunks.next().then(
      (result) => settle({ result }),
      (error: unknown) => settle({ error }),
    );
  }

  /** A pull must give something, or it would not come again. */
  #fill(controller: ReadableStreamDefaultController<Uint8Array>): void {
    controller.enqueue(this.#options.aside?.() ?? this.#options.heartbeat ?? nothing);
  }

  /** Either the operation has nothing to say, which a heartbeat bridges, or the client does not listen. */
  #onTick(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this.#wake !== undefined) {
      this.#stalledMs = 0;
      if (this.#options.heartbeat !== undefined) this.#wake();
      return;
    }
    const { heartbeatMs, stallMs } = this.#options.limits;
    this.#stalledMs = this.#pulls === this.#pullsAtTick ? this.#stalledMs + heartbeatMs : 0;
    this.#pullsAtTick = this.#pulls;
    if (this.#stalledMs < stallMs) return;
    this.#fail(
      controller,
      new OperoneError("cancelled", `The client took nothing of the answer for ${stallMs} ms`),
    );
  }

  #fail(controller: ReadableStreamDefaultController<Uint8Array>, error: unknown): void {
    if (this.#ended) return;
    this.#end(error instanceof OperoneError ? error : new OperoneError("internal", "The answer broke off"));
    // Without a reason: the connection is reset all the same, and Bun would print the reason with a piece of source.
    controller.error();
  }

  #end(reason: OperoneError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTicking();
    this.#wake?.();
    // First `onEnd`, which aborts the call: a generator that waits for its next chunk would queue `return` behind it.
    this.#options.onEnd(reason);
    if (reason !== undefined) void Promise.resolve(this.#chunks.return?.()).catch(() => {});
  }
}
