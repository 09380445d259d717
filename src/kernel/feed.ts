/** Tells readers about things that change. A slow reader gets each thing's newest state, never a queue without end. */
import { OperoneError } from "./error.ts";

/** Of one sharer: all callers of one other node have the same. */
const readersPerSharerMax = 4;

interface Reader<T> {
  readonly sharedBy: string | undefined;
  readonly fresh: Map<string, T>;
  wake(): void;
}

export class Feed<T> {
  readonly #readers = new Set<Reader<T>>();
  readonly #readersMax: number;

  constructor(readersMax: number) {
    this.#readersMax = readersMax;
  }

  publish(id: string, item: T): void {
    for (const reader of this.#readers) {
      reader.fresh.delete(id);
      reader.fresh.set(id, item);
      reader.wake();
    }
  }

  /**
   * `first`, then everything that is published, until `signal` aborts.
   *
   * @param sharedBy the other node whose callers this one is of; it has no more than 4 readers
   * @throws OperoneError `limited`
   */
  async *follow(
    first: Iterable<readonly [string, T]>,
    signal: AbortSignal,
    sharedBy?: string,
  ): AsyncGenerator<T> {
    this.#assertRoom(sharedBy);
    let wake = () => {};
    const reader: Reader<T> = { sharedBy, fresh: new Map(first), wake: () => wake() };
    const onAbort = () => wake();
    signal.addEventListener("abort", onAbort);
    this.#readers.add(reader);
    try {
      while (!signal.aborted) {
        const [next] = reader.fresh;
        if (next !== undefined) {
          reader.fresh.delete(next[0]);
          yield next[1];
          continue;
        }
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        // Whatever came between the look and the promise would otherwise wake nobody.
        if (reader.fresh.size === 0 && !signal.aborted) await woken;
      }
    } finally {
      this.#readers.delete(reader);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #assertRoom(sharedBy: string | undefined): void {
    if (this.#readers.size >= this.#readersMax)
      throw new OperoneError("limited", `${this.#readersMax} readers are watching already; end one of them`);
    if (sharedBy === undefined) return;
    const own = [...this.#readers].filter((reader) => reader.sharedBy === sharedBy).length;
    if (own >= readersPerSharerMax)
      throw new OperoneError("limited", `${own} readers of that node are watching already; end one of them`);
  }
}
