/**
 * Follows the Yamux frames of a connection before the library sees them. The library keeps a data frame until its last
 * byte came and only then compares it with the window, so a header that announces 4 GiB would be believed.
 */
import type { StreamMessageEvent } from "@libp2p/interface";

/** Version, type, flags (2 bytes), stream id (4), length (4); big endian (hashicorp/yamux, spec.md). */
const headerBytes = 12;
const dataType = 0;
const synFlag = 1;

export interface FrameLimits {
  /** Of a data frame: the largest window that this side gives. */
  readonly frameBytesMax: number;
  /** Asked when a number changes: what the connection may send in all, and open. Infinity for a member. */
  allowance(): { readonly bytesMax: number; readonly streamsMax: number };
}

export class FrameGuard {
  readonly #limits: FrameLimits;
  readonly #header = new Uint8Array(headerBytes);
  readonly #view = new DataView(this.#header.buffer);
  #headerLength = 0;
  /** Bytes of the present frame's data that are still to come. */
  #dataBytes = 0;
  #bytes = 0;
  #streams = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** What is wrong with the bytes that came; undefined when nothing is. */
  inspect(data: StreamMessageEvent["data"]): string | undefined {
    this.#bytes += data.byteLength;
    for (const part of data instanceof Uint8Array ? [data] : data) {
      const found = this.#follow(part);
      if (found !== undefined) return found;
    }
    const { bytesMax, streamsMax } = this.#limits.allowance();
    if (this.#bytes > bytesMax) return `It sent more than ${bytesMax} bytes`;
    return this.#streams > streamsMax ? `It opened more than ${streamsMax} streams` : undefined;
  }

  #follow(part: Uint8Array): string | undefined {
    let at = 0;
    while (at < part.length) {
      if (this.#dataBytes > 0) {
        const skipped = Math.min(this.#dataBytes, part.length - at);
        this.#dataBytes -= skipped;
        at += skipped;
        continue;
      }
      const taken = part.subarray(at, at + headerBytes - this.#headerLength);
      this.#header.set(taken, this.#headerLength);
      this.#headerLength += taken.length;
      at += taken.length;
      const found = this.#headerLength === headerBytes ? this.#frame() : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #frame(): string | undefined {
    this.#headerLength = 0;
    if ((this.#view.getUint16(2) & synFlag) !== 0 && this.#view.getUint32(4) !== 0) this.#streams++;
    if (this.#header[1] !== dataType) return undefined;
    this.#dataBytes = this.#view.getUint32(8);
    return this.#dataBytes > this.#limits.frameBytesMax
      ? `It announced a frame of ${this.#dataBytes} bytes; ${this.#limits.frameBytesMax} are allowed`
      : undefined;
  }
}
