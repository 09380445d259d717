/** A libp2p stream as the mesh surface sees it: with flow control that holds, and ends that tell whole from half. */
import type { Stream } from "@libp2p/interface";
import { OperoneError } from "../../src/kernel/error.ts";
import type { CountedChannel } from "./link-table.ts";

/** One Noise frame carries it. After as many bytes the event loop gets its turn, so that calls pass between bulk. */
const pieceBytesMax = 65_507;

export class StreamChannel implements CountedChannel {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly ended: Promise<void>;
  readonly #stream: Stream;
  readonly #broken = new AbortController();
  /** What came and was not asked for yet: one message of the library, at most a window. */
  readonly #arrived: Uint8Array[] = [];
  #closed = false;
  #resuming = false;
  #remoteClosed = false;
  #changed = Promise.withResolvers<void>();
  /** The sends so far; the next one waits for it, so that the pieces of two do not mix. */
  #sending: Promise<void> = Promise.resolve();
  #bytesInTurn = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
    this.chunks = this.#read();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    // Paused unless somebody reads: the window then stays closed, and the sender waits.
    pause(stream);
    stream.addEventListener("message", ({ data }) => {
      if (this.#closed) return;
      this.#arrived.push(...(data instanceof Uint8Array ? [data] : data));
      if (!this.#resuming) pause(stream);
      this.#change();
    });
    stream.addEventListener("remoteCloseWrite", () => {
      this.#remoteClosed = true;
      this.#change();
    });
    stream.addEventListener("close", ({ error }) => {
      // The library tells a connection that went away and a stream that both sides closed in the same way.
      const whole = this.#remoteClosed && this.#closed && stream.writeBufferLength === 0;
      if (error !== undefined || !whole) this.#break();
      this.#change();
      resolve();
    });
    if (stream.status !== "open") {
      this.#break();
      resolve();
    }
  }

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  async send(chunk: Uint8Array): Promise<void> {
    this.#broken.signal.throwIfAborted();
    if (this.#closed) throw new Error("The channel was closed by this side");
    // A copy: the library keeps what the window has no room for, and the caller may use its buffer again.
    const copy = chunk.slice();
    const sent = this.#sending.then(() => this.#write(copy));
    this.#sending = sent.catch(() => undefined);
    return sent;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#arrived.length = 0;
    // What still comes is taken and dropped, or the other side would wait for its window for ever.
    resume(this.#stream);
    this.#change();
    void this.#sending.then(() => this.#stream.close()).catch(() => undefined);
  }

  reset(): void {
    this.#stream.abort(new Error("The channel was reset by this side"));
    this.#break();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += pieceBytesMax) {
      this.#broken.signal.throwIfAborted();
      const piece = bytes.subarray(at, at + pieceBytesMax);
      this.#stream.send(piece);
      await this.#drained();
      this.#bytesInTurn += piece.length;
      if (this.#bytesInTurn < pieceBytesMax) continue;
      this.#bytesInTurn = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** `stream.onDrain()` of the library resolves once and then never waits again, so the event it is. */
  async #drained(): Promise<void> {
    const stream = this.#stream;
    while (stream.writableNeedsDrain && stream.status === "open") {
      await new Promise<void>((resolve) => {
        const done = () => {
          stream.removeEventListener("drain", done);
          stream.removeEventListener("close", done);
          resolve();
        };
        stream.addEventListener("drain", done);
        stream.addEventListener("close", done);
      });
    }
    this.#broken.signal.throwIfAborted();
  }

  async *#read(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      this.#broken.signal.throwIfAborted();
      const chunk = this.#arrived.shift();
      if (chunk !== undefined) {
        yield chunk;
        continue;
      }
      if (this.#closed || (this.#remoteClosed && this.#stream.readBufferLength === 0)) return;
      const changed = this.#changed.promise;
      this.#take();
      await changed;
    }
  }

  /**
   * The library gives what it holds before it opens the window. A pause in between would stop its reading and leave
   * the window open, so that a slow reader's stream grows until it is reset; hence the pause comes after.
   */
  #take(): void {
    this.#resuming = true;
    resume(this.#stream);
    this.#resuming = false;
    if (this.#arrived.length > 0) pause(this.#stream);
  }

  #break(): void {
    if (this.#broken.signal.aborted) return;
    this.#arrived.length = 0;
    this.#broken.abort(
      new OperoneError("unavailable", "The channel was reset, or the connection under it broke"),
    );
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

// Both throw on a stream whose reading end is over, where there is nothing to do.
function pause(stream: Stream): void {
  if (stream.readStatus === "readable") stream.pause();
}

function resume(stream: Stream): void {
  if (stream.readStatus !== "paused") return;
  try {
    stream.resume();
  } catch {
    // It tells the other end that the window is open again; when the connection is gone, nobody is there to be told.
  }
}
