/**
 * What proves on both sides that they hold the same invite. From the 128-bit secret come an id, which may be told, and
 * a key, which is all that the inviter keeps. A proof is HMAC-SHA-256 by that key over everything that makes this
 * enrolment this one: the side that proves (a proof sent back proves nothing), both peer ids as the handshake of the
 * connection proved them (a proof passed on through a third node fails), the mesh and fresh nonces of both.
 *
 * The joiner tells its nonce only after it has seen the inviter's, and commits to it first. So nobody between the two
 * can try nonces until the safety words on both sides come out equal (as in ZRTP, RFC 6189, section 4.4.1.1).
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { protocols } from "./transport.ts";

export const nonceBytes = 32;
export const proofBytes = 32;
export const inviteIdBytes = 16;

export interface InviteKey {
  /** Lower-case hex. It can be told: the secret does not follow from it. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface Transcript {
  readonly inviteId: string;
  readonly joiner: string;
  readonly inviter: string;
  readonly meshId: string;
  readonly joinerNonce: Uint8Array;
  readonly inviterNonce: Uint8Array;
}

export type Side = "joiner" | "inviter";

export function inviteKeyOf(secret: Uint8Array): InviteKey {
  const derive = (what: string) =>
    createHmac("sha256", secret).update(`${protocols.enroll} ${what}`).digest();
  return {
    id: derive("id").subarray(0, inviteIdBytes).toString("hex"),
    key: new Uint8Array(derive("key")),
  };
}

export function proofOf(key: Uint8Array, side: Side, transcript: Transcript): Uint8Array {
  return createHmac("sha256", key)
    .update(transcriptBytes(`proof of the ${side}`, transcript))
    .digest();
}

/** Takes the same time for every proof of the right length. */
export function isProof(proof: Uint8Array, key: Uint8Array, side: Side, transcript: Transcript): boolean {
  return proof.length === proofBytes && timingSafeEqual(proof, proofOf(key, side, transcript));
}

export function commitmentTo(nonce: Uint8Array): Uint8Array {
  return createHash("sha256").update(`${protocols.enroll} commitment`).update(nonce).digest();
}

export function isCommitmentTo(commitment: Uint8Array, nonce: Uint8Array): boolean {
  return commitment.length === proofBytes && timingSafeEqual(commitment, commitmentTo(nonce));
}

/** Every field with its length before it, so that no two transcripts give the same bytes. */
export function transcriptBytes(purpose: string, transcript: Transcript): Uint8Array {
  const { inviteId, joiner, inviter, meshId, joinerNonce, inviterNonce } = transcript;
  const fields = [protocols.enroll, purpose, inviteId, joiner, inviter, meshId, joinerNonce, inviterNonce];
  return Buffer.concat(
    fields.flatMap((field) => {
      const bytes = Buffer.from(field);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
