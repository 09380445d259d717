/** This process's own terminal, handed over to a program elsewhere: every key passes, none means anything here. */
import { constants } from "node:os";

export interface CellSize {
  readonly columns: number;
  readonly rows: number;
}

/** Bytes that were typed, or the size that the terminal has from now on. */
export type TerminalEvent = Uint8Array | CellSize;

export interface RawTerminal {
  /** Its size first. Ends when the terminal is closed, or was restored. */
  readonly events: AsyncIterable<TerminalEvent>;
  /** As it was before. Idempotent; also when the process exits. */
  restore(): void;
}

/** Of what was typed and not taken; a paste that is longer waits in the terminal. */
const waitingBytesMax = 1024 * 1024;

/**
 * What a program may have switched on and nobody else switches off: the alternate screen, mouse reports, bracketed
 * paste, application keys, a hidden cursor, colours (XTerm Control Sequences, DECRST and SGR).
 */
const plain = "\x1b[?1047l\x1b[?1000;1002;1003;1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m";

export function rawTerminal(): RawTerminal {
  return new ProcessTerminal();
}

class ProcessTerminal implements RawTerminal {
  readonly #queue: TerminalEvent[] = [];
  #waitingBytes = 0;
  #ended = false;
  #wake = () => {};
  readonly #onData = (bytes: Uint8Array) => this.#typed(bytes);
  readonly #onEnd = () => this.#end();
  readonly #onSize = () => this.#push(size());
  /** Whoever stopped this process may have changed the terminal meanwhile. */
  readonly #onContinue = () => {
    process.stdin.setRawMode(true);
    this.#push(size());
  };
  readonly #onHangUp = () => process.exit(128 + constants.signals.SIGHUP);
  readonly restore = () => this.#restore();

  constructor() {
    // First, so that it is undone whatever comes.
    process.on("exit", this.restore);
    process.on("SIGHUP", this.#onHangUp);
    process.on("SIGCONT", this.#onContinue);
    process.stdin.setRawMode(true);
    process.stdin.on("data", this.#onData);
    process.stdin.on("end", this.#onEnd);
    process.stdin.on("error", this.#onEnd);
    process.stdout.on("resize", this.#onSize);
    process.stdin.resume();
    this.#push(size());
  }

  get events(): AsyncIterable<TerminalEvent> {
    return this.#events();
  }

  async *#events(): AsyncGenerator<TerminalEvent, void> {
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) {
        if (event instanceof Uint8Array) this.#taken(event);
        yield event;
      } else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #typed(bytes: Uint8Array): void {
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > waitingBytesMax) process.stdin.pause();
    this.#push(bytes);
  }

  #taken(bytes: Uint8Array): void {
    this.#waitingBytes -= bytes.length;
    if (this.#waitingBytes <= waitingBytesMax && !this.#ended) process.stdin.resume();
  }

  #push(event: TerminalEvent): void {
    if (this.#ended) return;
    this.#queue.push(event);
    this.#wake();
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  #restore(): void {
    if (!process.listeners("exit").includes(this.restore)) return;
    process.off("exit", this.restore);
    process.off("SIGHUP", this.#onHangUp);
    process.off("SIGCONT", this.#onContinue);
    process.stdout.off("resize", this.#onSize);
    process.stdin.off("data", this.#onData);
    process.stdin.off("end", this.#onEnd);
    process.stdin.off("error", this.#onEnd);
    this.#end();
    try {
      process.stdin.setRawMode(false);
      process.stdout.write(plain);
    } catch {
      // The terminal is gone, and its settings with it.
    }
    process.stdin.pause();
    process.stdin.unref();
  }
}

function size(): CellSize {
  return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
}
