/**
 * SHA-256 and a comparison that tells nothing by its time. `node:crypto` is loaded by the first use: it takes a tenth of
 * a node's start, and the first answers need none of it.
 */
import type { Hash } from "node:crypto";
import process from "node:process";

let loaded: typeof import("node:crypto") | undefined;

function nodeCrypto(): typeof import("node:crypto") {
  loaded ??= process.getBuiltinModule("node:crypto");
  return loaded;
}

export function sha256(): Hash {
  return nodeCrypto().createHash("sha256");
}

/** @throws RangeError unless both have the same length */
export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return nodeCrypto().timingSafeEqual(a, b);
}
