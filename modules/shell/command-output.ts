/** A command's two streams as one sequence of items, in the order in which the bytes arrive. */
import { isUtf8 } from "node:buffer";
import { ByteText } from "../../src/kernel/byte-text.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { CommandItem } from "./shapes.ts";

export const streamNames = ["stdout", "stderr"] as const;
export type StreamName = (typeof streamNames)[number];

export interface Chunk {
  readonly stream: StreamName;
  readonly bytes: Uint8Array;
}

const idleTicks = 10;

/** Takes one chunk ahead of each stream and no more, so that a slow reader holds the command back. */
export class MergedOutput {
  readonly #iterators: readonly AsyncIterator<Uint8Array>[];
  readonly #ready: { readonly chunk: Chunk; readonly taken: () => void }[] = [];
  #open: number;
  #closed = false;
  /** Undefined while there is a reader. */
  #discardBytesLeft: number | undefined;
  #failure: unknown;
  #wake = () => {};
  #idle: { readonly clock: Clock; readonly timeMs: number } | undefined;

  constructor(sources: Readonly<Record<StreamName, AsyncIterable<Uint8Array>>>) {
    const named = [
      ["stdout", sources.stdout[Symbol.asyncIterator]()],
      ["stderr", sources.stderr[Symbol.asyncIterator]()],
    ] as const;
    this.#iterators = named.map(([, iterator]) => iterator);
    this.#open = named.length;
    for (const [stream, iterator] of named) void this.#pump(stream, iterator);
  }

  /** Undefined at the end. */
  async next(): Promise<Chunk | undefined> {
    while (this.#ready.length === 0 && this.#mayCome) await this.#arrival();
    const first = this.#unread ? undefined : this.#ready.shift();
    if (first === undefined) {
      if (this.#failure !== undefined) throw this.#failure;
      return undefined;
    }
    first.taken();
    return first.chunk;
  }

  /** Closes once nothing has come for this long while somebody was waiting for it. */
  closeWhenIdle(clock: Clock, timeMs: number): void {
    this.#idle = { clock, timeMs };
    this.#wake();
  }

  /**
   * Nobody reads any more: a waiting `next` ends. What still comes is thrown away up to `bytesMax`, so that a command
   * that was asked to end can say so and clean up; then the pipes are closed.
   */
  discard(bytesMax: number): void {
    if (this.#unread) return;
    this.#discardBytesLeft = bytesMax;
    for (const { taken } of this.#ready.splice(0)) taken();
    this.#wake();
  }

  /** Closes the pipes: the command gets SIGPIPE for what it writes from now on. A waiting `next` ends. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const iterator of this.#iterators) Promise.resolve(iterator.return?.()).catch(() => {});
    for (const { taken } of this.#ready.splice(0)) taken();
    this.#wake();
  }

  get #mayCome(): boolean {
    return this.#open > 0 && !this.#unread && this.#failure === undefined;
  }

  get #unread(): boolean {
    return this.#closed || this.#discardBytesLeft !== undefined;
  }

  #thrownAway(bytes: Uint8Array): boolean {
    if (this.#discardBytesLeft === undefined) return false;
    this.#discardBytesLeft -= bytes.length;
    if (this.#discardBytesLeft < 0) this.close();
    return true;
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      const giveUp = this.#closeAfter(idleTicks);
      this.#wake = () => {
        giveUp();
        resolve();
      };
    });
  }

  /** In several ticks: after a stall of the whole process the pipes are looked at between two of them. */
  #closeAfter(ticks: number): () => void {
    if (this.#idle === undefined) return () => {};
    const { clock, timeMs } = this.#idle;
    if (ticks === 0) {
      this.close();
      return () => {};
    }
    let cancelNext = () => {};
    const cancel = clock.after(timeMs / idleTicks, () => {
      cancelNext = this.#closeAfter(ticks - 1);
    });
    return () => {
      cancel();
      cancelNext();
    };
  }

  async #pump(stream: StreamName, iterator: AsyncIterator<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await iterator.next();
        if (done === true || this.#closed) break;
        if (this.#thrownAway(value)) continue;
        await new Promise<void>((taken) => {
          this.#ready.push({ chunk: { stream, bytes: value }, taken });
          this.#wake();
        });
      }
    } catch (error) {
      this.#failure ??= error;
    } finally {
      this.#open -= 1;
      this.#wake();
    }
  }
}

/** Most bytes in one item: as much as most programs write at once, and in any encoding less than a message may have. */
const itemBytesMax = 128 * 1024;
/** Less is decoded at once: as a string it is smaller on every surface, and costs nothing. */
const heldBytesMin = 1_024;

/** Turns one stream's bytes into items: text where it is UTF-8, across the borders of chunks too; else base64. */
export class ItemWriter {
  readonly #stream: StreamName;
  /** The beginning of a character whose end has not come yet, at most 3 bytes. */
  #begun: Uint8Array = new Uint8Array();

  constructor(stream: StreamName) {
    this.#stream = stream;
  }

  *items(bytes: Uint8Array): Generator<CommandItem> {
    const all = this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes]);
    let start = 0;
    while (all.length - start > itemBytesMax) {
      const end = start + itemBytesMax - unfinishedLength(all.subarray(start, start + itemBytesMax));
      yield this.#item(all.subarray(start, end));
      start = end;
    }
    const end = all.length - unfinishedLength(all.subarray(start));
    // A copy: the rest of a large chunk must not be kept for three bytes.
    this.#begun = all.slice(end);
    if (end > start) yield this.#item(all.subarray(start, end));
  }

  /** What was begun and never finished. */
  *end(): Generator<CommandItem> {
    if (this.#begun.length > 0) yield this.#item(this.#begun);
    this.#begun = new Uint8Array();
  }

  #item(bytes: Uint8Array): CommandItem {
    const encoding = isUtf8(bytes) ? "utf8" : "base64";
    const held = new ByteText(bytes, encoding);
    const text = bytes.length < heldBytesMin ? held.toString() : held;
    return encoding === "utf8" ? { stream: this.#stream, text } : { stream: this.#stream, base64: text };
  }
}

/** How many bytes at the end may be the beginning of a character (RFC 3629); they begin with its lead byte. */
function unfinishedLength(bytes: Uint8Array): number {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const byte = bytes[bytes.length - length] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const whole = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf8 ? 4 : 0;
    return length < whole ? length : 0;
  }
  return 0;
}
