/**
 * Statements that any node can verify, whoever passes them on: canonical JSON in a signed envelope of libp2p
 * (RFC 0002 of libp2p/specs). A domain keeps the signatures of one kind of statement from being used as another.
 */
import { createHash } from "node:crypto";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey, peerIdFromPublicKey, peerIdFromString } from "@libp2p/peer-id";
import { RecordEnvelope } from "@libp2p/peer-record";
import * as v from "valibot";
import { canonicalJson } from "../../src/kernel/digest.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { publicKeyOf } from "./node-key.ts";
import { rosterLimits } from "./roster-limits.ts";

export interface RecordKind {
  readonly domain: string;
  /** The payload type of the envelope. */
  readonly type: string;
}

/** Who signs: a node, or the mesh key. */
export interface Signer {
  /** `12D3KooW...` */
  readonly peerId: string;
  readonly privateKey: PrivateKey;
}

/** An envelope whose form is right. Nothing is verified yet. */
export interface SealedRecord {
  /** Of the key in the envelope. */
  readonly signer: string;
  readonly payload: Uint8Array;
  /** SHA-256 of the payload, lower-case hex. */
  readonly hash: string;
  readonly envelope: RecordEnvelope;
}

/** @param seed 32 bytes */
export async function signerFromSeed(seed: Uint8Array): Promise<Signer> {
  // The library's own way from a seed builds tables of 11 MB first.
  const privateKey = privateKeyFromRaw(Buffer.concat([seed, publicKeyOf(seed)]));
  return { peerId: peerIdFromPrivateKey(privateKey).toString(), privateKey };
}

export const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Peer ids that were parsed before: the same few come again in every entry. */
const parsed = new Set<string>();
const parsedMax = 4_096;

/** Exactly the text that libp2p prints for an Ed25519 key. */
export function isPeerId(text: string): boolean {
  if (parsed.has(text)) return true;
  if (!/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(text)) return false;
  try {
    const id = peerIdFromString(text);
    if (id.type !== "Ed25519" || id.toString() !== text) return false;
  } catch {
    return false;
  }
  if (parsed.size >= parsedMax) parsed.clear();
  parsed.add(text);
  return true;
}

export const PeerIdText = v.pipe(
  v.string(),
  v.check(isPeerId, "must be the peer id of an Ed25519 key, such as 12D3KooW..."),
);
export const HashText = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in lower-case hex"));

/** @throws OperoneError `too_large` for a payload beyond the limit */
export function encodePayload(value: unknown): Uint8Array {
  const payload = new TextEncoder().encode(canonicalJson(value));
  if (payload.length <= rosterLimits.payloadBytesMax) return payload;
  const message = `A signed statement may have ${rosterLimits.payloadBytesMax} bytes, and this one has ${payload.length}; shorten it`;
  throw new OperoneError("too_large", message);
}

/** @throws OperoneError `invalid_input` unless the bytes are what `encodePayload` makes of a value of that shape */
export function decodePayload<S extends v.GenericSchema>(
  what: string,
  schema: S,
  payload: Uint8Array,
): v.InferOutput<S> {
  const parsedValue = v.safeParse(schema, jsonOf(what, payload));
  if (!parsedValue.success) {
    const [issue] = parsedValue.issues;
    throw malformed(what, `${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
  }
  if (Buffer.compare(encodePayload(parsedValue.output), payload) !== 0)
    throw malformed(what, "its bytes are not the canonical form of what they say");
  return parsedValue.output;
}

function jsonOf(what: string, payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch {
    throw malformed(what, "it is no JSON");
  }
}

/** The bytes of the envelope around the payload. */
export async function seal(
  { domain, type }: RecordKind,
  payload: Uint8Array,
  signer: Signer,
): Promise<Uint8Array> {
  const codec = new TextEncoder().encode(type);
  const record = { domain, codec, marshal: () => payload, equals: () => false };
  return (await RecordEnvelope.seal(record, signer.privateKey)).marshal();
}

/**
 * The form alone: cheap enough for telling what is known already before a signature is looked at.
 *
 * @throws OperoneError `invalid_input` when it is no canonical envelope of this kind, `too_large` beyond the limit
 */
/** By the type in the envelope alone; false for what is no envelope. */
export function isOfKind({ type }: RecordKind, bytes: Uint8Array): boolean {
  if (bytes.length > rosterLimits.envelopeBytesMax) return false;
  try {
    return new TextDecoder().decode(RecordEnvelope.createFromProtobuf(bytes).payloadType) === type;
  } catch {
    return false;
  }
}

export function unseal(what: string, { type }: RecordKind, bytes: Uint8Array): SealedRecord {
  const { envelopeBytesMax, payloadBytesMax } = rosterLimits;
  if (bytes.length > envelopeBytesMax)
    throw new OperoneError(
      "too_large",
      `${what} has ${bytes.length} bytes, and ${envelopeBytesMax} are allowed`,
    );
  const envelope = envelopeOf(what, bytes);
  const { publicKey, payload, payloadType } = envelope;
  if (publicKey.type !== "Ed25519")
    throw malformed(what, `its key is ${publicKey.type}, and must be Ed25519`);
  if (new TextDecoder().decode(payloadType) !== type) throw malformed(what, "its envelope has another type");
  // An envelope with room for something else would let one statement fill the memory in many forms.
  if (Buffer.compare(envelope.marshal(), bytes) !== 0) throw malformed(what, "its envelope is not canonical");
  if (payload.length > payloadBytesMax)
    throw new OperoneError(
      "too_large",
      `${what} says ${payload.length} bytes, and ${payloadBytesMax} are allowed`,
    );
  return { signer: peerIdFromPublicKey(publicKey).toString(), payload, hash: hashOf(payload), envelope };
}

function envelopeOf(what: string, bytes: Uint8Array): RecordEnvelope {
  try {
    return RecordEnvelope.createFromProtobuf(bytes);
  } catch {
    throw malformed(what, "it is no signed envelope");
  }
}

/** @throws OperoneError `forbidden` when the signature is not the signer's, or is for another domain */
export async function verify(what: string, { domain }: RecordKind, record: SealedRecord): Promise<void> {
  if (await record.envelope.validate(domain).catch(() => false)) return;
  throw new OperoneError(
    "forbidden",
    `${what} is not signed by ${record.signer}, whose key it carries; drop it, and distrust who sent it`,
  );
}

/** @throws OperoneError `forbidden` when the statement names another author than its key */
export function checkAuthor(what: string, record: SealedRecord, author: string): void {
  if (record.signer === author) return;
  throw new OperoneError("forbidden", `${what} says it is by ${author}, but is signed by ${record.signer}`);
}

function malformed(what: string, why: string): OperoneError {
  return new OperoneError("invalid_input", `${what} is refused: ${why}`);
}
