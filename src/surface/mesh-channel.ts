/** What lies under the frames: a stream of bytes in both directions. Networking puts a libp2p stream here. */

export interface MeshChannel {
  /** Resolves when it was taken and there is room for more: this is the only flow control there is. */
  send(chunk: Uint8Array): Promise<void>;
  /** What arrives; the boundaries mean nothing. Ends when the peer closed its side, throws when it was reset. Read once. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** This side is done: what it sent still arrives, and what still comes is dropped. */
  close(): void;
  /** Gives up both directions at once; what is on its way is lost. */
  reset(): void;
  /** Aborted when either side reset the channel, or the connection under it broke. */
  readonly broken: AbortSignal;
}

/** Opens a channel to the peer. @throws OperoneError `unavailable` when it cannot be reached. */
export type OpenChannel = (signal: AbortSignal) => Promise<MeshChannel>;

/** Bytes on their way in one direction before `send` waits; as small as a Yamux window, to find what relies on more. */
const windowBytes = 256 * 1024;

/** Two ends of a channel in memory. */
export function memoryChannels(): readonly [MeshChannel, MeshChannel] {
  const controller = new AbortController();
  const there = new Pipe(controller.signal);
  const back = new Pipe(controller.signal);
  return [end(there, back, controller), end(back, there, controller)];
}

function end(outgoing: Pipe, incoming: Pipe, controller: AbortController): MeshChannel {
  return {
    send: (chunk) => outgoing.send(chunk),
    chunks: incoming.chunks(),
    close() {
      outgoing.close();
      incoming.drop();
    },
    reset: () => controller.abort(new Error("The channel was reset")),
    broken: controller.signal,
  };
}

class Pipe {
  readonly #queue: Uint8Array[] = [];
  readonly #broken: AbortSignal;
  #queuedBytes = 0;
  #closed = false;
  #dropped = false;
  #changed = Promise.withResolvers<void>();

  constructor(broken: AbortSignal) {
    this.#broken = broken;
    broken.addEventListener("abort", () => this.#change(), { once: true });
  }

  async send(chunk: Uint8Array): Promise<void> {
    this.#broken.throwIfAborted();
    if (this.#closed) throw new Error("The channel was closed by this side");
    if (this.#dropped) return;
    this.#queue.push(new Uint8Array(chunk));
    this.#queuedBytes += chunk.length;
    this.#change();
    while (this.#queuedBytes > windowBytes) {
      await this.#changed.promise;
      this.#broken.throwIfAborted();
    }
  }

  close(): void {
    this.#closed = true;
    this.#change();
  }

  drop(): void {
    this.#dropped = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#change();
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      this.#broken.throwIfAborted();
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#queuedBytes -= chunk.length;
        this.#change();
        yield chunk;
      } else if (this.#closed || this.#dropped) return;
      else await this.#changed.promise;
    }
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
