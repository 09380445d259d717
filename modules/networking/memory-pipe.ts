/** Channels of the network in memory: what is sent takes the network's latency, and waits while the way is blocked. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { CountedChannel } from "./link-table.ts";

/** As a Yamux stream has. */
const windowBytes = 256 * 1024;

/** The way between two nodes. */
export interface Way {
  latencyMs(): number;
  blocked(): boolean;
  /** Resolves at the next change of `blocked`. */
  changed(): Promise<void>;
}

/** Two ends of one channel; `broken` ends both. */
export function wayChannels(
  clock: Clock,
  way: Way,
  link: AbortSignal,
): readonly [CountedChannel, CountedChannel] {
  const broken = new AbortController();
  const there = new WayPipe(clock, way, broken.signal);
  const back = new WayPipe(clock, way, broken.signal);
  const ended = Promise.withResolvers<void>();
  const breakIt = () => {
    if (there.over && back.over) return;
    broken.abort(new OperoneError("unavailable", "The channel was reset, or the connection under it broke"));
    ended.resolve();
  };
  link.addEventListener("abort", breakIt, { once: true });
  if (link.aborted) breakIt();
  void ended.promise.then(() => link.removeEventListener("abort", breakIt));
  const closed = () => {
    if (there.over && back.over) ended.resolve();
  };
  const end = (outgoing: WayPipe, incoming: WayPipe): CountedChannel => ({
    send: (chunk) => outgoing.send(chunk),
    chunks: incoming.chunks(),
    close() {
      outgoing.close(closed);
      incoming.drop();
    },
    reset: () => broken.abort(new OperoneError("unavailable", "The channel was reset")),
    broken: broken.signal,
    ended: ended.promise,
  });
  broken.signal.addEventListener("abort", () => ended.resolve(), { once: true });
  return [end(there, back), end(back, there)];
}

class WayPipe {
  readonly #clock: Clock;
  readonly #way: Way;
  readonly #broken: AbortSignal;
  readonly #arrived: Uint8Array[] = [];
  /** Sent and not read; `send` waits above the window. */
  #bytes = 0;
  #closed = false;
  #dropped = false;
  #travelling: Promise<void> = Promise.resolve();
  #changed = Promise.withResolvers<void>();
  /** The other end has heard that this one closed. */
  over = false;

  constructor(clock: Clock, way: Way, broken: AbortSignal) {
    this.#clock = clock;
    this.#way = way;
    this.#broken = broken;
    broken.addEventListener("abort", () => this.#change(), { once: true });
  }

  async send(chunk: Uint8Array): Promise<void> {
    this.#broken.throwIfAborted();
    if (this.#closed) throw new Error("The channel was closed by this side");
    const copy = chunk.slice();
    this.#bytes += copy.length;
    this.#travel(() => {
      if (this.#dropped) this.#bytes -= copy.length;
      else if (copy.length > 0) this.#arrived.push(copy);
    });
    while (this.#bytes > windowBytes) {
      await this.#changed.promise;
      this.#broken.throwIfAborted();
    }
  }

  close(heard: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#travel(() => {
      this.over = true;
      heard();
    });
  }

  drop(): void {
    this.#dropped = true;
    for (const chunk of this.#arrived.splice(0)) this.#bytes -= chunk.length;
    this.#change();
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      this.#broken.throwIfAborted();
      const chunk = this.#arrived.shift();
      if (chunk !== undefined) {
        this.#bytes -= chunk.length;
        this.#change();
        yield chunk;
      } else if (this.over || this.#dropped) return;
      else await this.#changed.promise;
    }
  }

  /** In order: what was sent first arrives first, however the latency changes. */
  #travel(arrive: () => void): void {
    const latencyMs = this.#way.latencyMs();
    const since = this.#clock.monotonicMs();
    const before = this.#travelling;
    this.#travelling = (async () => {
      await before;
      const leftMs = since + latencyMs - this.#clock.monotonicMs();
      if (leftMs > 0) await new Promise<void>((resolve) => this.#clock.after(leftMs, resolve));
      while (this.#way.blocked() && !this.#broken.aborted) await this.#way.changed();
      if (this.#broken.aborted) return;
      arrive();
      this.#change();
    })();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
