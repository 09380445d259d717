/** Random bytes of cryptographic strength, from the system. */
import { randomBytes } from "node:crypto";
import type { Random } from "../kernel/ports.ts";

export function systemRandom(): Random {
  // A copy: small Buffers share a pool, and a caller that reads `.buffer` would see its neighbours' bytes.
  return { bytes: (count) => new Uint8Array(randomBytes(count)) };
}
