/** Round trips over a link: eight bytes there and the same eight back, on one long-lived channel. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Random } from "../../src/kernel/ports.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import { type Link, protocols } from "./transport.ts";

const nonceBytes = 8;
/** The shortest time between two answers on one channel, so that pings cost a peer more than this node. */
const answerEveryMs = 2;
/** What may come in one piece before it is no ping any more. */
const chunkBytesMax = 64;

/** Answers the pings of a peer until its channel ends; never rejects. */
export async function answerPings(channel: MeshChannel, clock: Clock): Promise<void> {
  try {
    for await (const chunk of channel.chunks) {
      if (chunk.length > chunkBytesMax) return channel.reset();
      await channel.send(new Uint8Array(chunk));
      await new Promise<void>((resolve) => void clock.after(answerEveryMs, resolve));
    }
    channel.close();
  } catch {
    channel.reset();
  }
}

export class Pinger {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #random: Random;
  #opened: { readonly channel: MeshChannel; readonly chunks: AsyncIterator<Uint8Array> } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(link: Link, clock: Clock, random: Random) {
    this.#link = link;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * One after the other on one channel.
   *
   * @returns milliseconds
   * @throws OperoneError `deadline` when nothing came back within `timeoutMs`, `unavailable` when the link is gone or
   *   the peer answers no pings
   */
  ping(timeoutMs: number): Promise<number> {
    const turn = this.#last.then(() => this.#within(timeoutMs));
    this.#last = turn.catch(() => {});
    return turn;
  }

  close(): void {
    this.#opened?.channel.reset();
    this.#opened = undefined;
  }

  async #within(timeoutMs: number): Promise<number> {
    const controller = new AbortController();
    const late = Promise.withResolvers<never>();
    const stop = this.#clock.after(timeoutMs, () => {
      const error = new OperoneError("deadline", `The peer did not answer a ping within ${timeoutMs} ms`);
      late.reject(error);
      controller.abort(error);
    });
    try {
      return await Promise.race([this.#once(controller.signal), late.promise]);
    } catch (error) {
      this.close();
      throw error instanceof OperoneError
        ? error
        : new OperoneError("unavailable", "The link broke during a ping", undefined, { cause: error });
    } finally {
      stop();
    }
  }

  async #once(signal: AbortSignal): Promise<number> {
    const { channel, chunks } = await this.#open(signal);
    const nonce = this.#random.bytes(nonceBytes);
    const startMs = this.#clock.monotonicMs();
    await channel.send(nonce);
    let back: Uint8Array = new Uint8Array();
    while (back.length < nonceBytes) {
      const step = await chunks.next();
      if (step.done === true) throw new OperoneError("unavailable", "The peer ended the ping channel");
      back = joined(back, step.value);
    }
    if (back.length > nonceBytes || !nonce.every((byte, at) => back[at] === byte)) {
      throw new OperoneError("unavailable", "The peer answered a ping with something else");
    }
    return this.#clock.monotonicMs() - startMs;
  }

  async #open(signal: AbortSignal) {
    if (this.#opened?.channel.broken.aborted === true) this.#opened = undefined;
    if (this.#opened === undefined) {
      const channel = await this.#link.openChannel(protocols.ping, signal);
      this.#opened = { channel, chunks: channel.chunks[Symbol.asyncIterator]() };
    }
    return this.#opened;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
