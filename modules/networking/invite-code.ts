/**
 * The text that a person carries from the inviting machine to the joining one. `operone1`, then in Crockford's base 32:
 *
 *     head      1 byte: the role's place in `roleNames` in the two highest bits, the number of addresses in the others
 *     expiry    4 bytes, big-endian: Unix time in seconds
 *     inviter   32 bytes: its Ed25519 key
 *     mesh      32 bytes: the mesh's Ed25519 key
 *     secret    16 bytes
 *     addresses each a tag, then what `addressSizes` says
 *     checksum  4 bytes: the first of SHA-256 over the prefix and all of the above
 *
 * Whoever has the text can join once, so no error quotes any part of it.
 */
import { createHash } from "node:crypto";
import { publicKeyFromRaw } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey, peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import { OperoneError } from "../../src/kernel/error.ts";
import { type RoleName, roleNames } from "../access/contract.ts";
import { fromCrockford, toCrockford } from "./crockford.ts";

export interface InviteCode {
  /** Peer id of the node that made it, and that alone may answer. */
  readonly inviter: string;
  /** Peer id of the mesh key. */
  readonly meshId: string;
  /** 16 bytes. */
  readonly secret: Uint8Array;
  readonly role: RoleName;
  /** Unix time in whole seconds, by the inviter's clock. */
  readonly expiresAtMs: number;
  /** Multiaddrs of the inviter without its peer id, at most `addressesMax`. */
  readonly addresses: readonly string[];
}

const addressesMax = 8;
export const secretBytes = 16;
const word = "operone";
const version = "1";
const prefix = `${word}${version}`;
const keyBytes = 32;
const expiryBytes = 4;
const checksumBytes = 4;
const fixedBytes = 1 + expiryBytes + 2 * keyBytes + secretBytes;
const addressBytesMax = 128;
/** Longer text is no code, and is not even looked at. More than the longest code, with room for pasted white space. */
const textLengthMax = 8_192;

/** The port that nodes listen on; an address with it leaves it out. */
const usualPort = [0x1a, 0x52];
/** Multiaddr codes: ip4 4, ip6 41, tcp 6. */
const [ip4, ip6, tcp] = [4, 41, 6];
/** Bytes that follow each tag; `other` has its length in one byte more, then a whole multiaddr. */
const tags = { ip4Usual: 0, ip4: 1, ip6Usual: 2, ip6: 3, other: 4 } as const;
const addressSizes = [4, 6, 16, 18];

/** @throws OperoneError `invalid_input` for what a code cannot carry */
export function encodeInviteCode(code: InviteCode): string {
  const { addresses, secret, expiresAtMs, role } = code;
  if (addresses.length > addressesMax)
    throw new OperoneError(
      "invalid_input",
      `An invite code holds at most ${addressesMax} addresses, and there are ${addresses.length}; choose the best ones`,
    );
  if (secret.length !== secretBytes || expiresAtMs % 1_000 !== 0 || expiresAtMs / 1_000 >= 2 ** 32)
    throw new OperoneError("internal", "The secret or the expiry has not the form that a code carries");
  const expiry = new Uint8Array(expiryBytes);
  new DataView(expiry.buffer).setUint32(0, expiresAtMs / 1_000);
  const body = Buffer.concat([
    Uint8Array.of((roleNames.indexOf(role) << 6) | addresses.length),
    expiry,
    keyOf(code.inviter),
    keyOf(code.meshId),
    secret,
    ...addresses.map(packedAddress),
  ]);
  return prefix + toCrockford(Buffer.concat([body, checksumOf(body)]));
}

/**
 * White space and line breaks anywhere, hyphens and capitals make no difference.
 *
 * @throws OperoneError `invalid_input` for what is cut off, mistyped or no code at all, `unsupported` for the code of
 *   a newer operone
 */
export function decodeInviteCode(text: string): InviteCode {
  const bytes = bytesOf(text);
  const bodyBytes = bodyBytesOf(bytes);
  const body = bytes.subarray(0, bodyBytes);
  const tooMany = bytes.length - bodyBytes - checksumBytes;
  if (tooMany > 0 || !checksumOf(body).equals(bytes.subarray(bodyBytes))) throw mistyped();
  const [head = 0] = body;
  const role = roleNames[head >> 6];
  if (role === undefined) throw mistyped();
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const part = (at: number, sizeBytes: number) => body.slice(at, at + sizeBytes);
  const keysAt = 1 + expiryBytes;
  return {
    inviter: peerOf(part(keysAt, keyBytes)),
    meshId: peerOf(part(keysAt + keyBytes, keyBytes)),
    secret: part(keysAt + 2 * keyBytes, secretBytes),
    role,
    expiresAtMs: view.getUint32(1) * 1_000,
    addresses: addressParts(body).map(({ tag, bytes: packed }) => unpackedAddress(tag, packed)),
  };
}

/** What follows the prefix. */
function bytesOf(text: string): Uint8Array {
  const dense =
    text.length > textLengthMax ? "" : text.replaceAll(/[\s\u00ad\u200b-\u200d\u2060\ufeff-]/g, "");
  if (dense.slice(0, word.length).toLowerCase() !== word)
    throw new OperoneError(
      "invalid_input",
      `This is no invite code: it does not begin with "${prefix}". "operone invite" on a machine of the mesh makes one`,
    );
  const given = dense.slice(word.length, prefix.length);
  if (given !== version) throw versionError(given);
  const bytes = fromCrockford(dense.slice(prefix.length));
  if (typeof bytes !== "number") return bytes;
  throw new OperoneError(
    "invalid_input",
    `The invite code is mistyped: character ${prefix.length + bytes + 1} is one that no code has; copy it again`,
  );
}

function versionError(given: string): OperoneError {
  if (given === "") return cutOff();
  return /^[2-9]$/.test(given)
    ? new OperoneError(
        "unsupported",
        `The invite code has version ${given}, and this operone knows version ${version}: a newer operone made it. Upgrade this machine, then join again`,
      )
    : mistyped();
}

function cutOff(): OperoneError {
  return new OperoneError(
    "invalid_input",
    "The invite code is cut off: it ends before all of it has come; copy it again, to its end",
  );
}

function mistyped(): OperoneError {
  return new OperoneError(
    "invalid_input",
    "The invite code is mistyped: its checksum does not fit, so a character is wrong, missing or too many; copy it again",
  );
}

/** Where the checksum begins. @throws OperoneError when the bytes end before the checksum does */
function bodyBytesOf(bytes: Uint8Array): number {
  const last = addressParts(bytes).at(-1);
  const end = last?.end ?? fixedBytes;
  if (bytes.length < end + checksumBytes) throw cutOff();
  return end;
}

interface AddressPart {
  readonly tag: number;
  readonly bytes: Uint8Array;
  /** Where the next one begins. */
  readonly end: number;
}

/** @throws OperoneError when there are fewer than the head says, or there is a tag that does not exist */
function addressParts(body: Uint8Array): readonly AddressPart[] {
  const count = (body[0] ?? 0) & 0x3f;
  const parts: AddressPart[] = [];
  if (count > addressesMax) throw mistyped();
  for (let at = fixedBytes; parts.length < count; at = parts.at(-1)?.end ?? at) {
    const tag = body[at];
    const known = tag === undefined ? undefined : addressSizes[tag];
    const begin = known === undefined ? at + 2 : at + 1;
    const sizeBytes = known ?? body[at + 1];
    if (tag === undefined || sizeBytes === undefined || body.length < begin + sizeBytes) throw cutOff();
    if (tag > tags.other || sizeBytes > addressBytesMax) throw mistyped();
    parts.push({ tag, bytes: body.subarray(begin, begin + sizeBytes), end: begin + sizeBytes });
  }
  return parts;
}

function packedAddress(address: string): Uint8Array {
  const bytes = parsed(address);
  const isIp4 = bytes.length === 8 && bytes[0] === ip4 && bytes[5] === tcp;
  const isIp6 = bytes.length === 20 && bytes[0] === ip6 && bytes[17] === tcp;
  if (!isIp4 && !isIp6) return Buffer.concat([Uint8Array.of(tags.other, bytes.length), bytes]);
  const host = bytes.subarray(1, isIp4 ? 5 : 17);
  const port = bytes.subarray(-2);
  const usual = usualPort.every((byte, index) => port[index] === byte);
  if (usual) return Buffer.concat([Uint8Array.of(isIp4 ? tags.ip4Usual : tags.ip6Usual), host]);
  return Buffer.concat([Uint8Array.of(isIp4 ? tags.ip4 : tags.ip6), host, port]);
}

function parsed(address: string): Uint8Array {
  try {
    const bytes = multiaddr(address).bytes;
    if (bytes.length > 0 && bytes.length <= addressBytesMax) return bytes;
  } catch {
    // Told below, with the address, which is no secret.
  }
  throw new OperoneError(
    "invalid_input",
    `"${address}" is no multiaddr of at most ${addressBytesMax} bytes; write for example /ip4/10.0.0.2/tcp/6738`,
  );
}

function unpackedAddress(tag: number, packed: Uint8Array): string {
  try {
    if (tag === tags.other) return multiaddr(new Uint8Array(packed)).toString();
    const hostBytes = tag <= tags.ip4 ? 4 : 16;
    const port = packed.length > hostBytes ? packed.subarray(hostBytes) : usualPort;
    const family = tag <= tags.ip4 ? ip4 : ip6;
    return multiaddr(Uint8Array.from([family, ...packed.subarray(0, hostBytes), tcp, ...port])).toString();
  } catch {
    throw new OperoneError(
      "unsupported",
      "The invite code holds an address of a kind that is not known here",
    );
  }
}

function keyOf(peerId: string): Uint8Array {
  const peer = peerIdFromString(peerId);
  if (peer.type === "Ed25519") return peer.publicKey.raw;
  throw new OperoneError("invalid_input", `"${peerId}" is no peer id of an Ed25519 key`);
}

function peerOf(key: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromRaw(key)).toString();
}

function checksumOf(body: Uint8Array): Buffer {
  return createHash("sha256").update(prefix).update(body).digest().subarray(0, checksumBytes);
}
