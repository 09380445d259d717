/** A WebSocket whose other end is still being loaded: what happens meanwhile is told afterwards, in its order. */
import type { MessageCall, MessageSocket } from "../../src/surface/http-messages.ts";

/** While the code is read from the disk; one frame more ends the connection. */
const waitingMax = 1_024;
const waitingBytesMax = 16 * 1024 * 1024;

type Event = (call: MessageCall) => void;

export class LateSocket implements MessageCall {
  readonly #load: () => Promise<MessageCall>;
  #waiting: Event[] = [];
  #waitingBytes = 0;
  #socket: MessageSocket | undefined;
  #call: MessageCall | undefined;

  constructor(load: () => Promise<MessageCall>) {
    this.#load = load;
  }

  opened(socket: MessageSocket): void {
    this.#socket = socket;
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
    if (this.#call === undefined) {
      this.#waitingBytes += kept.length;
      // What is left out would be missing without a word. What has ended is still told to the call.
      if (this.#waiting.length >= waitingMax || this.#waitingBytes > waitingBytesMax) {
        this.#socket?.cut();
        return;
      }
    }
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
    else this.#waiting.push(event);
  }
}
