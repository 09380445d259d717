/**
 * What Noise encrypts with. Never the library's default: it takes ChaCha20-Poly1305 from node:crypto, which has none in
 * Bun (oven-sh/bun#8072), and so kills the connection at the first message of 1,200 bytes. The one in JavaScript is as
 * fast as the library's WebAssembly on full frames (95 MB/s), which costs 9 MB of memory and some 15 ms of the start; it is
 * slower on small frames (7 µs against 2), where only peers without TLS notice.
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { type ICryptoInterface, pureJsCrypto } from "@chainsafe/libp2p-noise";

/** DER around the bytes of an X25519 private and public key (RFC 8410). */
const pkcs8Head = Buffer.from("302e020100300506032b656e04220420", "hex");
const spkiHead = Buffer.from("302a300506032b656e032100", "hex");

/** The curve in JavaScript makes its tables at the first key: 70 ms and 13 MB at the start of every node. */
export const noiseCrypto: ICryptoInterface = {
  ...pureJsCrypto,
  generateX25519KeyPair: () => pairOf(generateKeyPairSync("x25519").privateKey),
  generateX25519KeyPairFromSeed: (seed) => pairOf(privateKeyOf(seed)),
  generateX25519SharedKey: (privateKey, publicKey) =>
    diffieHellman({
      privateKey: privateKeyOf(privateKey.subarray()),
      publicKey: createPublicKey({
        key: Buffer.concat([spkiHead, publicKey.subarray()]),
        format: "der",
        type: "spki",
      }),
    }),
};

function privateKeyOf(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, bytes]), format: "der", type: "pkcs8" });
}

function pairOf(key: KeyObject): { publicKey: Uint8Array; privateKey: Uint8Array } {
  return {
    publicKey: createPublicKey(key).export({ format: "der", type: "spki" }).subarray(spkiHead.length),
    privateKey: key.export({ format: "der", type: "pkcs8" }).subarray(pkcs8Head.length),
  };
}
