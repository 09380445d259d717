/** The node's end of a child's terminal. */
import type { Terminal, TerminalOptions } from "bun";
import type { TerminalSize } from "../kernel/ports.ts";
import { brokenPipe } from "./child-streams.ts";

/** Of input in one go: so much may wait in this process for a program that does not read, and then its writer waits. */
const writeBytesMax = 64 * 1024;
/**
 * Bun's terminal does not always tell that it has passed on what had to wait (1.4.4; under load every fifth time). So
 * after this time the next byte asks again, and from then on more rarely.
 */
const askAfterMsMin = 20;
const askAfterMsMax = 1_000;
/** Ctrl-D at the beginning of a line. */
const endOfInput = Uint8Array.of(4);

export class ChildTerminal {
  readonly output = new TerminalOutput(() => this.close());
  /** For Bun.spawn. */
  readonly options: TerminalOptions;
  #terminal: Terminal | undefined;
  #drained = () => {};
  /** It was not told that all bytes so far have been passed on. */
  #waiting = false;
  #writing: Promise<void> = Promise.resolve();
  #ended = false;

  constructor({ columns, rows }: TerminalSize) {
    this.options = {
      cols: columns,
      rows,
      data: (_, bytes) => this.output.push(bytes),
      drain: () => {
        this.#waiting = false;
        this.#drained();
      },
      exit: () => this.#end(),
    };
  }

  started(terminal: Terminal | undefined): void {
    this.#terminal = terminal;
  }

  /** Resolves when the terminal has taken the bytes, but for a last part. Rejects with EPIPE when it is closed. */
  write(bytes: Uint8Array): Promise<void> {
    const written = this.#writing.then(() => this.#writeAll(bytes));
    this.#writing = written.catch(() => {});
    return written;
  }

  typeEnd(): void {
    void this.write(endOfInput).catch(() => {});
  }

  resize({ columns, rows }: TerminalSize): void {
    if (!this.#ended) this.#terminal?.resize(columns, rows);
  }

  /** Whoever still has it gets SIGHUP, and an end of file. */
  close(): void {
    if (this.#ended) return;
    this.#end();
    this.#terminal?.close();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let askAfterMs = askAfterMsMin;
    for (let at = 0; at < bytes.length; ) {
      if (this.#ended || this.#terminal === undefined) throw brokenPipe();
      const end = Math.min(bytes.length, at + (this.#waiting ? 1 : writeBytesMax));
      this.#waiting = true;
      const drained = Promise.withResolvers<void>();
      this.#drained = drained.resolve;
      this.#terminal.write(bytes.slice(at, end));
      at = end;
      const timer = setTimeout(drained.resolve, askAfterMs);
      await drained.promise;
      clearTimeout(timer);
      askAfterMs = this.#waiting ? Math.min(askAfterMs * 2, askAfterMsMax) : askAfterMsMin;
    }
  }

  #end(): void {
    this.#ended = true;
    this.output.end();
    this.#drained();
  }
}

const ended = { done: true, value: undefined } as const;

/** A terminal has no back-pressure, so a reader that stands still loses it. */
const waitingBytesMax = 64 * 1024 * 1024;

class TerminalOutput implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #chunks: Uint8Array[] = [];
  readonly #onReturn: () => void;
  #waitingBytes = 0;
  #ended = false;
  #wake = () => {};

  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  push(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#chunks.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#wake();
    if (this.#waitingBytes > waitingBytesMax) this.#onReturn();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (this.#chunks.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#chunks.length === 0) return ended;
    const value = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks.length = 0;
    this.#waitingBytes = 0;
    return value === undefined ? ended : { done: false, value };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#chunks.length = 0;
    this.#onReturn();
    return ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
