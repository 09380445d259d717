/**
 * Frames of `/operone/rpc/1`. A channel carries
 *
 *     length  4 bytes, big-endian: of all that follows
 *     kind    1 byte
 *     call    4 bytes, big-endian: 0 on a channel that is for one call alone, else the number of a call
 *     payload the rest
 *
 * A body (one message of the protocol, at most 1 MiB) is the payloads of `more` frames and of the `last` one. Frames
 * of several calls may be mixed; those of one call keep their order.
 */
import { OperoneError } from "../kernel/error.ts";
import type { MeshChannel } from "./mesh-channel.ts";

/** A whole frame, so that it fits into one message of the Noise protocol (65,535 bytes) with its overhead. */
export const frameBytesMax = 65_507;
export const bodyBytesMax = 1024 * 1024;
/** Bodies that have begun on one channel, and their bytes together. */
export const openBodiesMax = 64;
const openBodiesBytesMax = 4 * bodyBytesMax;

const headerBytes = 9;
const lengthBytes = 4;
export const payloadBytesMax = frameBytesMax - headerBytes;

export const frameKind = {
  /** Part of a body; more of it follows. At least one byte. */
  more: 1,
  /** The end of a body. */
  last: 2,
  /** The caller gives the call up. No payload. */
  cancel: 3,
  /** Raw bytes, in or out. At least one byte. */
  bytes: 4,
  /** The caller's bytes or messages are complete. No payload. */
  inputEnd: 5,
} as const;
export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

/** By their numbers, which begin at 1. */
const frameKinds: readonly FrameKind[] = Object.values(frameKind);

export interface Frame {
  readonly kind: FrameKind;
  readonly call: number;
  readonly payload: Uint8Array;
}

/** What the peer sent is no RPC. The channel is worthless after it. */
export class MeshProtocolError extends OperoneError {
  constructor(why: string) {
    super("invalid_input", `The peer sent what is no /operone/rpc/1: ${why}`);
  }
}

/**
 * Every byte is copied once at most, however small the chunks are: a peer that sends them one by one must not cost
 * more than that.
 *
 * @throws MeshProtocolError for anything but whole, well-formed frames
 */
export async function* framesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame, void> {
  let partial = new Uint8Array(lengthBytes);
  let filledBytes = 0;
  for await (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      const whole = filledBytes === 0 ? wholeFrame(chunk.subarray(at)) : undefined;
      if (whole !== undefined) {
        at += headerBytes + whole.payload.length;
        yield whole;
        continue;
      }
      const part = chunk.subarray(at, at + partial.length - filledBytes);
      partial.set(part, filledBytes);
      filledBytes += part.length;
      at += part.length;
      if (filledBytes < partial.length) break;
      if (partial.length === lengthBytes) partial = grown(partial, lengthBytes + lengthOf(partial));
      else {
        const frame = wholeFrame(partial);
        partial = new Uint8Array(lengthBytes);
        filledBytes = 0;
        if (frame !== undefined) yield frame;
      }
    }
  }
  if (filledBytes > 0)
    throw new MeshProtocolError(`it ended within a frame, after ${filledBytes} bytes of it`);
}

function grown(bytes: Uint8Array, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(sizeBytes);
  whole.set(bytes);
  return whole;
}

/** What the length field says, within the limits. */
function lengthOf(data: Uint8Array): number {
  const length = viewOf(data).getUint32(0);
  if (length >= headerBytes - lengthBytes && length <= frameBytesMax - lengthBytes) return length;
  throw new MeshProtocolError(`a frame of ${length} bytes; ${frameBytesMax - lengthBytes} are allowed`);
}

function wholeFrame(data: Uint8Array): Frame | undefined {
  if (data.length < lengthBytes) return undefined;
  const end = lengthBytes + lengthOf(data);
  if (data.length < end) return undefined;
  const view = viewOf(data);
  const kind = kindOf(view.getUint8(lengthBytes), end - headerBytes);
  return { kind, call: view.getUint32(lengthBytes + 1), payload: data.subarray(headerBytes, end) };
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.length);
}

function kindOf(code: number, payloadBytes: number): FrameKind {
  const kind = frameKinds[code - 1];
  if (kind === undefined) throw new MeshProtocolError(`a frame of the unknown kind ${code}`);
  const empty = kind === frameKind.cancel || kind === frameKind.inputEnd;
  if (empty && payloadBytes > 0)
    throw new MeshProtocolError(`a frame of kind ${code} with ${payloadBytes} bytes too many`);
  // An empty part would move nothing, and could be sent for ever.
  if (!empty && kind !== frameKind.last && payloadBytes === 0)
    throw new MeshProtocolError(`an empty frame of kind ${code}`);
  return kind;
}

/** Of the parts of unfinished bodies, over all channels of one peer. */
export class BodyBudget {
  readonly #bytesMax: number;
  #usedBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @throws MeshProtocolError beyond it; a negative size gives back */
  use(sizeBytes: number): void {
    if (this.#usedBytes + sizeBytes > this.#bytesMax)
      throw new MeshProtocolError(`unfinished bodies of more than ${this.#bytesMax} bytes over all channels`);
    this.#usedBytes += sizeBytes;
  }
}

/** Puts bodies together again, for all calls of one channel. */
export class Bodies {
  readonly #budget: BodyBudget | undefined;
  readonly #open = new Map<number, { parts: Uint8Array[]; sizeBytes: number }>();
  #openBytes = 0;

  /** @param budget of the peer, beside the limits of the channel */
  constructor(budget?: BodyBudget) {
    this.#budget = budget;
  }

  /** The channel has ended. */
  close(): void {
    for (const call of [...this.#open.keys()]) this.drop(call);
  }

  /** The whole body when this frame was its last. @throws MeshProtocolError beyond the limits */
  add({ kind, call, payload }: Frame): Uint8Array | undefined {
    const begun = this.#open.get(call);
    const sizeBytes = (begun?.sizeBytes ?? 0) + payload.length;
    if (sizeBytes > bodyBytesMax) throw new MeshProtocolError(`a body of more than ${bodyBytesMax} bytes`);
    if (kind === frameKind.last) {
      if (begun === undefined) return payload;
      this.drop(call);
      return concat([...begun.parts, payload]);
    }
    this.#budget?.use(payload.length);
    const body = begun ?? { parts: [], sizeBytes: 0 };
    // A copy: a part would keep the whole chunk that it came in.
    body.parts.push(new Uint8Array(payload));
    body.sizeBytes = sizeBytes;
    this.#open.set(call, body);
    this.#openBytes += payload.length;
    if (this.#open.size > openBodiesMax || this.#openBytes > openBodiesBytesMax) {
      throw new MeshProtocolError(
        `${this.#open.size} unfinished bodies of ${this.#openBytes} bytes together`,
      );
    }
    return undefined;
  }

  /** Forgets what has come of a call that was given up. */
  drop(call: number): void {
    const sizeBytes = this.#open.get(call)?.sizeBytes ?? 0;
    this.#openBytes -= sizeBytes;
    this.#budget?.use(-sizeBytes);
    this.#open.delete(call);
  }
}

/** Sends frames, those that come together in one chunk. */
export class FrameWriter {
  readonly #channel: MeshChannel;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #flushing: Promise<void> | undefined;

  constructor(channel: MeshChannel) {
    this.#channel = channel;
  }

  /** A body in as many frames as it takes; between them other calls have their turn. Rejects when the channel is gone. */
  async body(call: number, body: Uint8Array): Promise<void> {
    let at = 0;
    for (; body.length - at > payloadBytesMax; at += payloadBytesMax) {
      await this.frame(frameKind.more, call, body.subarray(at, at + payloadBytesMax));
    }
    await this.frame(frameKind.last, call, body.subarray(at));
  }

  /** Raw bytes, split where they are too long for a frame. */
  async bytes(call: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += payloadBytesMax) {
      await this.frame(frameKind.bytes, call, bytes.subarray(at, at + payloadBytesMax));
    }
  }

  /** Resolves at once while there is room in the next chunk, else when the channel has taken what waits. */
  async frame(kind: FrameKind, call: number, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    this.#waiting.push(encodeFrame(kind, call, payload));
    this.#waitingBytes += headerBytes + payload.length;
    // Started in a microtask, so that everything written in this turn goes together.
    this.#flushing ??= Promise.resolve().then(() => this.#flush());
    this.#flushing.catch(() => {});
    if (this.#waitingBytes >= frameBytesMax) await this.#flushing;
  }

  /** Resolves when the channel has taken everything. */
  async flushed(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#takeBatch();
        await this.#channel.send(batch);
      }
    } finally {
      this.#flushing = undefined;
    }
  }

  #takeBatch(): Uint8Array {
    let count = 0;
    let sizeBytes = 0;
    for (const frame of this.#waiting) {
      if (count > 0 && sizeBytes + frame.length > frameBytesMax) break;
      sizeBytes += frame.length;
      count += 1;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#waitingBytes -= sizeBytes;
    return batch.length === 1 ? (batch[0] ?? new Uint8Array(0)) : concat(batch);
  }
}

export function encodeFrame(kind: FrameKind, call: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, headerBytes - lengthBytes + payload.length);
  view.setUint8(4, kind);
  view.setUint32(5, call);
  frame.set(payload, headerBytes);
  return frame;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
