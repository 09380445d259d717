/**
 * Streams of a compressed archive that stand somewhere in its middle. Whoever reads one file after the other, as a copy
 * does, goes on where the last ended; any other read begins at the front.
 */
import type { Clock } from "../../../src/kernel/ports.ts";
import type { UnpackedStream } from "./unpacked-stream.ts";

const idleMax = 2;
const idleMsMax = 10_000;

interface Idle {
  readonly stream: UnpackedStream;
  readonly cancel: () => void;
}

export class StreamPool {
  readonly #clock: Clock;
  #idle: Idle[] = [];
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The one that is nearest before the position; undefined when there is none. */
  take(position: number): UnpackedStream | undefined {
    const best = this.#idle
      .filter((one) => one.stream.position <= position)
      .toSorted((a, b) => b.stream.position - a.stream.position)[0];
    if (best === undefined) return undefined;
    this.#forget(best);
    return best.stream;
  }

  async give(stream: UnpackedStream): Promise<void> {
    if (this.#isClosed) return await stream[Symbol.asyncDispose]();
    const one: Idle = {
      stream,
      cancel: this.#clock.after(idleMsMax, () => {
        this.#forget(one);
        void stream[Symbol.asyncDispose]();
      }),
    };
    this.#idle.push(one);
    const [oldest] = this.#idle;
    if (this.#idle.length <= idleMax || oldest === undefined) return;
    this.#forget(oldest);
    await oldest.stream[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const one of this.#idle.slice()) {
      this.#forget(one);
      await one.stream[Symbol.asyncDispose]();
    }
  }

  #forget(one: Idle): void {
    one.cancel();
    this.#idle = this.#idle.filter((other) => other !== one);
  }
}
