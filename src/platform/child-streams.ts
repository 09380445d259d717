/** The parent's ends of a child's pipes. */
import { closeSync } from "node:fs";

type Stream = ReadableStream<Uint8Array>;
type Reader = ReturnType<typeof readerOf>;
const readerOf = (stream: Stream) => stream.getReader();

const ended = { done: true, value: undefined } as const;

/** Reads one pipe. Nothing is read ahead: what nobody takes stays in the pipe, and the child blocks on it. */
export class PipeReader implements AsyncIterableIterator<Uint8Array, Uint8Array | undefined> {
  readonly #open: () => Stream;
  readonly #opened: () => void;
  readonly #discard: () => void;
  #reader: Reader | undefined;
  #returned = false;

  /**
   * @param opened called after the first read has begun
   * @param discard called instead when nothing is ever read
   */
  constructor(open: () => Stream, opened: () => void, discard: () => void) {
    this.#open = open;
    this.#opened = opened;
    this.#discard = discard;
  }

  /** Takes the descriptor over. */
  static ofDescriptor(fd: number): PipeReader {
    const close = () => closeSync(fd);
    return new PipeReader(() => Bun.file(fd).stream(), close, close);
  }

  static ofStream(stream: Stream): PipeReader {
    return new PipeReader(
      () => stream,
      () => {},
      () => void stream.cancel().catch(() => {}),
    );
  }

  /** The stream's own promise, without another around it: this is where a gigabyte a second passes. */
  next(): ReturnType<Reader["read"]> {
    if (this.#returned) return Promise.resolve(ended);
    return this.#reader === undefined ? this.#firstRead() : this.#reader.read();
  }

  /** Closes the pipe, also while a `next()` waits, which then ends. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#returned) {
      this.#returned = true;
      if (this.#reader === undefined) this.#discard();
      else await this.#reader.cancel().catch(() => {});
    }
    return ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #firstRead() {
    const reader = readerOf(this.#open());
    this.#reader = reader;
    // The first read makes Bun duplicate the descriptor, at once.
    const read = reader.read();
    this.#opened();
    return read;
  }
}

/** The part of Bun's FileSink that is used. */
interface Sink {
  write(bytes: Uint8Array): number | Promise<number>;
  flush(): number | Promise<number>;
  end(): number | Promise<number>;
}

export class PipeWriter {
  readonly #sink: Sink | undefined;
  #closed: boolean;

  /** @param sink undefined: there is nothing to write to */
  constructor(sink: Sink | undefined) {
    this.#sink = sink;
    this.#closed = sink === undefined;
  }

  /** Takes the descriptor over. */
  static ofDescriptor(fd: number): PipeWriter {
    // The writer has a duplicate of its own from now on.
    const sink = Bun.file(fd).writer({ highWaterMark: 1 });
    closeSync(fd);
    return new PipeWriter(sink);
  }

  /** Resolves when the pipe has taken the bytes. Rejects with EPIPE when nobody can read them any more. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closed || this.#sink === undefined) throw brokenPipe();
    if (bytes.length === 0) return;
    // The sink keeps the bytes while it waits, and its owner may use the buffer again.
    await this.#sink.write(bytes.slice());
    await this.#sink.flush();
  }

  close(): void {
    if (this.#closed || this.#sink === undefined) return;
    this.#closed = true;
    // What was written before is flushed first; when the reader is gone there is nobody to tell.
    Promise.resolve(this.#sink.end()).catch(() => {});
  }
}

export function brokenPipe(): Error {
  return Object.assign(new Error("EPIPE: the child's stdin is closed"), { code: "EPIPE" });
}
