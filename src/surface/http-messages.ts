/** Calls with messages, in the frames that http-wire.ts describes, over any socket that can carry text. */
import { Buffer } from "node:buffer";
import type { Answer } from "../kernel/call.ts";
import { errorBody, OperoneError } from "../kernel/error.ts";
import type { Progress } from "../kernel/operation.ts";
import { parseJson } from "./http-body.ts";
import type { Engine, HttpIdentity } from "./http-engine.ts";
import { json } from "./http-items.ts";
import { operationIdOf, queryAsked, surfaceOf, targetOf } from "./http-request.ts";
import { MessageQueue } from "./message-queue.ts";

/** An open WebSocket, as whoever holds it offers it. */
export interface MessageSocket {
  /** False when it has no room for more until `drained` is called. The frame is taken either way. */
  send(frame: string | Uint8Array): boolean;
  close(code: number, reason: string): void;
  /** Ends the connection at once; for a client that does not read. */
  cut(): void;
}

/** One call. Tell it what happens to the socket. */
export interface MessageCall {
  opened(socket: MessageSocket): void;
  received(frame: string | Uint8Array): void;
  drained(): void;
  closed(): void;
}

/** RFC 6455, 7.4.1: the exchange is complete. Failures are told by an `error` frame before it. */
const normalClosure = 1000;

export function messageCall(engine: Engine, request: Request, identity: HttpIdentity): MessageCall {
  return new SocketCall(engine, request, identity);
}

class SocketCall implements MessageCall {
  readonly #engine: Engine;
  readonly #request: Request;
  readonly #identity: HttpIdentity;
  readonly #callId: string;
  readonly #abort = new AbortController();
  readonly #messages: MessageQueue;
  #socket: MessageSocket | undefined;
  /** The first one counts, and is what the client is told. */
  #failure: OperoneError | undefined;
  #accepted = false;
  #progress: Progress | undefined;
  #room: (() => void) | undefined;

  constructor(engine: Engine, request: Request, identity: HttpIdentity) {
    this.#engine = engine;
    this.#request = request;
    this.#identity = identity;
    this.#callId = engine.newCallId();
    this.#messages = new MessageQueue(
      engine.limits.messagesWaitingMax,
      engine.limits.messagesWaitingBytesMax,
    );
  }

  opened(socket: MessageSocket): void {
    this.#socket = socket;
    void this.#run();
  }

  received(frame: string | Uint8Array): void {
    if (this.#failure !== undefined) return;
    try {
      this.#take(frame);
    } catch (error) {
      this.#fail(
        error instanceof OperoneError ? error : new OperoneError("internal", "The message could not be read"),
      );
    }
  }

  drained(): void {
    this.#room?.();
  }

  closed(): void {
    this.#socket = undefined;
    this.#fail(new OperoneError("cancelled", "The client closed the WebSocket"));
    this.#room?.();
  }

  async #run(): Promise<void> {
    const { signal } = this.#identity;
    const follow = () => this.#abort.abort(signal.reason);
    if (signal.aborted) follow();
    else signal.addEventListener("abort", follow, { once: true });
    try {
      await this.#pass(await this.#call());
      await this.#send(json({ end: true }));
    } catch (error) {
      this.#tell(this.#failure ?? error);
    } finally {
      signal.removeEventListener("abort", follow);
      // Whoever still reads or writes for this call must notice that it is over.
      this.#abort.abort(new OperoneError("cancelled", "The call has ended"));
      this.#messages.end();
      this.#socket?.close(normalClosure, "");
    }
  }

  #call(): Promise<Answer> {
    const { path, query } = targetOf(this.#request.url);
    const surface = surfaceOf(this.#request);
    const operation = this.#engine.view.table.get(operationIdOf(path) ?? "");
    if (operation === undefined || !operation.surfaces.includes(surface)) {
      throw new OperoneError("not_found", `There is no operation at ${JSON.stringify(path)}`);
    }
    if (operation.takes !== "messages") {
      throw new OperoneError("unsupported", `"${operation.id}" takes no messages; call it with POST`);
    }
    const { input, node } = queryAsked(this.#request, operation, query);
    const { revoked } = this.#identity;
    return this.#engine.view.call({
      surface,
      operation: operation.id,
      input,
      caller: this.#identity.caller,
      sets: this.#identity.sets,
      signal: this.#abort.signal,
      callId: this.#callId,
      messages: this.#messages,
      onProgress: (progress) => {
        this.#progress = progress;
        if (this.#accepted && this.#room === undefined) this.#sendProgress();
      },
      ...(node === undefined ? {} : { node }),
      ...(revoked === undefined ? {} : { revoked }),
    });
  }

  async #pass(answer: Answer): Promise<void> {
    await this.#send(json({ callId: answer.callId }));
    this.#accepted = true;
    if (answer.gives === "value") return this.#send(json({ value: answer.value }));
    const parts = answer.gives === "items" ? answer.items : answer.bytes.open();
    for await (const part of parts) {
      this.#sendProgress();
      await this.#send(part instanceof Uint8Array && answer.gives === "bytes" ? part : json({ item: part }));
    }
  }

  #sendProgress(): void {
    if (this.#progress === undefined) return;
    const frame = json({ progress: this.#progress });
    this.#progress = undefined;
    this.#socket?.send(frame);
  }

  /** Resolves when there is room for another frame. */
  async #send(frame: string | Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { timer, limits } = this.#engine;
    if (this.#socket === undefined || this.#socket.send(frame)) return;
    const room = Promise.withResolvers<void>();
    this.#room = room.resolve;
    const cancelTimer = timer.after(limits.stallMs, () => {
      this.#fail(new OperoneError("cancelled", `The client read nothing for ${limits.stallMs} ms`));
      this.#socket?.cut();
      room.resolve();
    });
    await room.promise;
    cancelTimer();
    this.#room = undefined;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #take(frame: string | Uint8Array): void {
    if (typeof frame !== "string")
      throw new OperoneError("invalid_input", "A binary frame came; send text frames of JSON");
    const parsed = parseJson(frame, this.#engine.limits.jsonDepthMax);
    if (typeof parsed === "object" && parsed !== null) {
      if ("message" in parsed) {
        this.#messages.push(parsed.message, Buffer.byteLength(frame));
        return;
      }
      if ("end" in parsed && parsed.end === true) {
        this.#messages.end();
        return;
      }
    }
    throw new OperoneError("invalid_input", 'A frame is neither {"message": ...} nor {"end": true}');
  }

  #fail(error: OperoneError): void {
    this.#failure ??= error;
    this.#messages.end();
    this.#abort.abort(this.#failure);
  }

  #tell(error: unknown): void {
    if (!(error instanceof OperoneError)) this.#engine.unexpected(error, this.#callId);
    this.#socket?.send(json({ error: errorBody(error, this.#callId) }));
  }
}
