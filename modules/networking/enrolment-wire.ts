/**
 * Messages of `/operone/enroll/1` on one channel: 4 bytes of length, big-endian, then JSON of a strict shape, or, for
 * roster entries, raw bytes. Bytes in JSON are lower-case hex.
 *
 *     joiner                          inviter
 *     hello { invite, commitment, name }
 *                                     challenge { nonce }, or busy
 *     proof { nonce, proof }
 *                                     accepted { proof, waiting }, or refused, or busy
 *                                     ... a person confirms, when `waiting` ...
 *                                     admitted { meshId, role, entries: count, bytes }, or failed { code, message }
 *                                     the entries, each with its length
 *     stored
 */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import { roleNames } from "../access/contract.ts";
import { inviteIdBytes, nonceBytes, proofBytes } from "./enrolment-proof.ts";

export const wireLimits = {
  /** All that a side may send before it has proven that it holds the code. */
  unprovenBytesMax: 4 * 1024,
  messageBytesMax: 2 * 1024,
  rosterBytesMax: 4 * 1024 * 1024,
  entriesMax: 65_536,
  nameLengthMax: 63,
} as const;

const lengthBytes = 4;

/** What the peer sent is no enrolment. The channel is worthless after it. */
export class EnrolmentProtocolError extends OperoneError {
  constructor(why: string) {
    super("invalid_input", `The peer sent what is no /operone/enroll/1: ${why}`);
  }
}

const hex = (sizeBytes: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * sizeBytes}}$`)));
/** Shown to people, so it can hold nothing that moves a cursor or hides. */
export const NodeName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62})$/));

export const Hello = v.strictObject({
  type: v.literal("hello"),
  invite: hex(inviteIdBytes),
  commitment: hex(proofBytes),
  name: NodeName,
});
export const Proof = v.strictObject({
  type: v.literal("proof"),
  nonce: hex(nonceBytes),
  proof: hex(proofBytes),
});
export const Stored = v.strictObject({ type: v.literal("stored") });

const Busy = v.strictObject({ type: v.literal("busy") });
export const Challenge = v.variant("type", [
  v.strictObject({ type: v.literal("challenge"), nonce: hex(nonceBytes) }),
  Busy,
]);
export const Verdict = v.variant("type", [
  v.strictObject({ type: v.literal("accepted"), proof: hex(proofBytes), waiting: v.boolean() }),
  v.strictObject({ type: v.literal("refused") }),
  Busy,
]);
export const Outcome = v.variant("type", [
  v.strictObject({
    type: v.literal("admitted"),
    meshId: v.pipe(v.string(), v.maxLength(128)),
    role: v.picklist(roleNames),
    entries: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(wireLimits.entriesMax)),
    bytes: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(wireLimits.rosterBytesMax)),
  }),
  v.strictObject({
    type: v.literal("failed"),
    code: v.pipe(v.string(), v.maxLength(64)),
    /** For people, so without what moves a cursor. */
    message: v.pipe(v.string(), v.maxLength(1_024), v.regex(/^\P{Cc}*$/u)),
  }),
]);

export type Message =
  | v.InferOutput<typeof Hello>
  | v.InferOutput<typeof Proof>
  | v.InferOutput<typeof Stored>
  | v.InferOutput<typeof Challenge>
  | v.InferOutput<typeof Verdict>
  | v.InferOutput<typeof Outcome>;

export class EnrolmentWire {
  readonly #channel: MeshChannel;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #broken: Promise<never>;
  #chunk = new Uint8Array(0);
  #budgetBytes: number = wireLimits.unprovenBytesMax;

  constructor(channel: MeshChannel) {
    this.#channel = channel;
    this.#chunks = channel.chunks[Symbol.asyncIterator]();
    const { promise, reject } = Promise.withResolvers<never>();
    const onBroken = () => reject(connectionBroke(channel.broken.reason));
    if (channel.broken.aborted) onBroken();
    else channel.broken.addEventListener("abort", onBroken, { once: true });
    promise.catch(() => {});
    this.#broken = promise;
  }

  /** Lets the peer send so many bytes more. */
  allow(bytesMore: number): void {
    this.#budgetBytes += bytesMore;
  }

  send(message: Message): Promise<void> {
    return this.sendBytes(new TextEncoder().encode(JSON.stringify(message)));
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    const frame = new Uint8Array(lengthBytes + bytes.length);
    new DataView(frame.buffer).setUint32(0, bytes.length);
    frame.set(bytes, lengthBytes);
    await this.#unlessBroken(this.#channel.send(frame));
  }

  /** @throws EnrolmentProtocolError for anything but one message of this shape, OperoneError `unavailable` */
  async receive<const S extends v.GenericSchema>(schema: S): Promise<v.InferOutput<S>> {
    const bytes = await this.receiveBytes(wireLimits.messageBytesMax);
    const parsed = v.safeParse(schema, jsonOf(bytes));
    if (parsed.success) return parsed.output;
    // Not the values: they may be a proof.
    throw new EnrolmentProtocolError("a message of another shape than the protocol has here");
  }

  /** One frame's content. */
  async receiveBytes(bytesMax: number): Promise<Uint8Array> {
    const header = await this.#read(lengthBytes);
    const sizeBytes = new DataView(header.buffer).getUint32(0);
    if (sizeBytes > bytesMax)
      throw new EnrolmentProtocolError(`a message of ${sizeBytes} bytes; ${bytesMax} are allowed here`);
    return this.#read(sizeBytes);
  }

  /** Each byte is copied once, however small the chunks are. */
  async #read(sizeBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    if (sizeBytes > this.#budgetBytes)
      throw new EnrolmentProtocolError("more bytes than are allowed before the code is proven");
    this.#budgetBytes -= sizeBytes;
    const whole = new Uint8Array(sizeBytes);
    for (let filled = 0; filled < sizeBytes; ) {
      if (this.#chunk.length === 0) await this.#next();
      const part = this.#chunk.subarray(0, sizeBytes - filled);
      whole.set(part, filled);
      filled += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    return whole;
  }

  async #next(): Promise<void> {
    const { done, value } = await this.#unlessBroken(this.#chunks.next());
    if (done === true)
      throw new OperoneError("unavailable", "The peer ended the enrolment before it was complete");
    this.#chunk = new Uint8Array(value);
  }

  /** Whatever a channel throws, it means the same here. */
  async #unlessBroken<T>(work: Promise<T>): Promise<T> {
    try {
      return await Promise.race([work, this.#broken]);
    } catch (error) {
      throw error instanceof OperoneError ? error : connectionBroke(error);
    }
  }
}

function connectionBroke(cause: unknown): OperoneError {
  return new OperoneError("unavailable", "The connection to the peer broke", undefined, { cause });
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new EnrolmentProtocolError("a message that is no JSON");
  }
}
