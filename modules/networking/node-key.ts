/** The node's own key: 32 random bytes in `node.key`, from which its Ed25519 key and its peer id follow. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { base58btc } from "multiformats/bases/base58";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Files, Random } from "../../src/kernel/ports.ts";
import type { NodeKey } from "./transport.ts";

const fileBytesMax = 1_024;
const seedBytes = 32;
const comment =
  "# The key of this node. Whoever has it is this node: never copy or send it. operone node key, version 1";
/** The comment's words are free; its version and the line after it are not. */
const fileText = /^#[^\n]*operone node key, version 1\r?\n([A-Za-z0-9+/]{43}=)\r?\n?$/;
/** DER around the seed of an Ed25519 private key (RFC 8410, section 7). */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");
/** An identity multihash (0x00) of 36 bytes: the protobuf { type: Ed25519, data: 32 bytes } of the libp2p peer id specification. */
const peerIdHead = Buffer.from("002408011220", "hex");

export interface NodeKeyInput {
  readonly files: Files;
  readonly random: Random;
  /** `node.key` in the data directory. */
  readonly path: string;
}

/**
 * Reads the key, or makes it at the first start.
 *
 * @throws OperoneError `unavailable` when the file is damaged, `forbidden` when other users of the machine can read it:
 *   they may be this node too, so that is for a person to decide
 */
export async function loadNodeKey({ files, random, path }: NodeKeyInput): Promise<NodeKey> {
  const bytes = await files.read(path, fileBytesMax);
  if (bytes === undefined) return makeNodeKey(files, random, path);
  const facts = await files.facts(path);
  if (facts !== undefined && (facts.mode & 0o077) !== 0) {
    const mode = `0${facts.mode.toString(8)}`;
    throw new OperoneError(
      "forbidden",
      `Other users can read the node's key "${path}" (mode ${mode}, needed 0600). If nobody else used this machine, "chmod 600 ${path}" is enough; otherwise remove the node from the mesh and let it enrol with a new key`,
    );
  }
  const seed = seedOf(new TextDecoder().decode(bytes));
  if (seed !== undefined) return nodeKeyOf(seed);
  throw new OperoneError(
    "unavailable",
    `"${path}" holds no node key of version 1 (a comment line and 44 characters of base64). Restore it from a backup; without one, remove the file and enrol this machine again`,
  );
}

async function makeNodeKey(files: Files, random: Random, path: string): Promise<NodeKey> {
  const seed = random.bytes(seedBytes);
  await files.writePrivate(path, `${comment}\n${Buffer.from(seed).toString("base64")}\n`);
  return nodeKeyOf(seed);
}

function seedOf(text: string): Uint8Array | undefined {
  const base64 = fileText.exec(text)?.[1];
  if (base64 === undefined) return undefined;
  const seed = Buffer.from(base64, "base64");
  // The last character has two bits that no byte needs; a changed one is damage too.
  return seed.toString("base64") === base64 ? new Uint8Array(seed) : undefined;
}

/** @param seed 32 bytes */
export function nodeKeyOf(seed: Uint8Array): NodeKey {
  return { peerId: peerIdText(publicKeyOf(seed)), seed };
}

/** @param seed 32 bytes @returns the Ed25519 public key, 32 bytes */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: "der", type: "pkcs8" });
  // The public key ends its own DER form.
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-seedBytes));
}

function peerIdText(publicKey: Uint8Array): string {
  return base58btc.baseEncode(Buffer.concat([peerIdHead, publicKey]));
}
