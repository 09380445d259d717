/** Links between nodes in memory, for the roster alone. */

import type { Link } from "../../modules/networking/transport.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { type MeshChannel, memoryChannels } from "../../src/surface/mesh-channel.ts";

export interface LinkEnd {
  readonly peerId: string;
  /** Gets the channels that the other side opens. */
  serve(channel: MeshChannel, link: Link): void;
}

/** How long a chunk is on its way. Chunks of one channel never overtake each other. */
export interface Delay {
  monotonicMs(): number;
  nextMs(): number;
  after(delayMs: number, run: () => void): void;
}

/** The dialer's end, and the other one. Closing one closes both. */
export function memoryLink(
  dialer: LinkEnd,
  other: LinkEnd,
  delay?: Delay,
): { readonly out: Link; readonly in: Link } {
  const closed = new AbortController();
  const channels: MeshChannel[] = [];
  const close = () => {
    closed.abort();
    for (const channel of channels) channel.reset();
  };
  const end = (peer: LinkEnd, direction: "in" | "out", far: () => Link, farEnd: LinkEnd): Link => ({
    peerId: peer.peerId,
    remoteAddress: "/memory",
    direction,
    encryption: "none",
    openedAtMs: 0,
    closed: closed.signal,
    close,
    async openChannel() {
      if (closed.signal.aborted) throw new OperoneError("unavailable", "The link is closed");
      const ends = memoryChannels();
      const [near, there] = ends.map((one) => (delay === undefined ? one : delayed(one, delay)));
      if (near === undefined || there === undefined) throw new Error("A channel has two ends");
      channels.push(near);
      farEnd.serve(there, far());
      return near;
    },
  });
  const out: Link = end(other, "out", () => back, other);
  const back: Link = end(dialer, "in", () => out, dialer);
  return { out, in: back };
}

/** Takes everything at once, and hands it over later. */
function delayed(channel: MeshChannel, delay: Delay): MeshChannel {
  let freeAtMs = 0;
  return {
    ...channel,
    async send(chunk) {
      freeAtMs = Math.max(freeAtMs, delay.monotonicMs() + delay.nextMs());
      delay.after(freeAtMs - delay.monotonicMs(), () => void channel.send(chunk).catch(() => {}));
    },
  };
}
