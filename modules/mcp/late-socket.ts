/** A WebSocket whose other end is still being loaded: what happens meanwhile is told afterwards, in its order. */
import type { MessageCall, MessageSocket } from "../../src/surface/http-messages.ts";

/** Frames of 1 MiB at most, while the code is read from the disk; one more ends the connection. */
const waitingMax = 64;

type Event = (call: MessageCall) => void;

export class LateSocket implements MessageCall {
  readonly #load: () => Promise<MessageCall>;
  #waiting: Event[] = [];
  #call: MessageCall | undefined;

  constructor(load: () => Promise<MessageCall>) {
    this.#load = load;
  }

  opened(socket: MessageSocket): void {
    this.#pass((call) => call.opened(socket));
    this.#load().then(
      (call) => {
        this.#call = call;
        for (const event of this.#waiting) event(call);
        this.#waiting = [];
      },
      () => socket.cut(),
    );
  }

  received(frame: string | Uint8Array): void {
    // The bytes belong to the server as soon as this returns.
    const kept = typeof frame === "string" || this.#call !== undefined ? frame : frame.slice();
    this.#pass((call) => call.received(kept));
  }

  drained(): void {
    this.#pass((call) => call.drained());
  }

  closed(): void {
    this.#pass((call) => call.closed());
  }

  #pass(event: Event): void {
    if (this.#call !== undefined) event(this.#call);
    else if (this.#waiting.length < waitingMax) this.#waiting.push(event);
  }
}
