/** The joiner's side of the enrolment by hand, for what a good joiner would never do. */
import {
  commitmentTo,
  type InviteKey,
  inviteKeyOf,
  proofOf,
  type Transcript,
} from "../../modules/networking/enrolment-proof.ts";
import { Challenge, EnrolmentWire, Verdict } from "../../modules/networking/enrolment-wire.ts";
import { decodeInviteCode, type InviteCode } from "../../modules/networking/invite-code.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import { meshId } from "./enrolling.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

export interface HandOptions {
  /** Of the joiner. */
  readonly peerId: string;
  readonly code: string;
  /** Takes the place of the right one. */
  readonly proof?: Uint8Array;
  readonly commitment?: Uint8Array;
  readonly key?: Uint8Array;
  readonly inviteId?: string;
  /** White space that fills each message up to so many bytes. */
  readonly paddedToBytes?: number;
}

export class Hand {
  readonly wire: EnrolmentWire;
  readonly #use: HandOptions;
  readonly #code: InviteCode;
  readonly #key: InviteKey;
  readonly nonce = new Uint8Array(32).fill(9);

  constructor(channel: MeshChannel, use: HandOptions) {
    this.wire = new EnrolmentWire(channel);
    this.#use = use;
    this.#code = decodeInviteCode(use.code);
    this.#key = inviteKeyOf(this.#code.secret);
  }

  /** Up to the inviter's verdict. */
  async verdict(): Promise<string> {
    await this.hello();
    const challenge = await this.wire.receive(Challenge);
    if (challenge.type === "busy") return "busy";
    await this.prove(Buffer.from(challenge.nonce, "hex"));
    return (await this.wire.receive(Verdict)).type;
  }

  hello(): Promise<void> {
    const { inviteId, commitment } = this.#use;
    return this.#send({
      type: "hello",
      invite: inviteId ?? this.#key.id,
      commitment: hex(commitment ?? commitmentTo(this.nonce)),
      name: "hand",
    });
  }

  prove(inviterNonce: Uint8Array): Promise<void> {
    const { proof, key, peerId, inviteId } = this.#use;
    const transcript: Transcript = {
      inviteId: inviteId ?? this.#key.id,
      joiner: peerId,
      inviter: this.#code.inviter,
      meshId,
      joinerNonce: this.nonce,
      inviterNonce,
    };
    const right = proofOf(key ?? this.#key.key, "joiner", transcript);
    return this.#send({ type: "proof", nonce: hex(this.nonce), proof: hex(proof ?? right) });
  }

  #send(message: object): Promise<void> {
    return this.wire.sendBytes(Buffer.from(JSON.stringify(message).padEnd(this.#use.paddedToBytes ?? 0)));
  }
}

/** The channel, with all that goes through it kept. */
export function recorded(
  channel: MeshChannel,
): MeshChannel & { readonly sent: Buffer; readonly received: Buffer } {
  const sent: Uint8Array[] = [];
  const received: Uint8Array[] = [];
  async function* chunks() {
    for await (const chunk of channel.chunks) {
      received.push(chunk);
      yield chunk;
    }
  }
  return {
    send(chunk) {
      sent.push(new Uint8Array(chunk));
      return channel.send(chunk);
    },
    chunks: chunks(),
    close: () => channel.close(),
    reset: () => channel.reset(),
    broken: channel.broken,
    get sent() {
      return Buffer.concat(sent);
    },
    get received() {
      return Buffer.concat(received);
    },
  };
}
