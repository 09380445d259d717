/** Random bytes of cryptographic strength, from the system. */
import type { Random } from "../kernel/ports.ts";

/** More is refused (Web Cryptography API, 10.1.1). */
const onceBytesMax = 65_536;

export function systemRandom(): Random {
  return {
    bytes(count) {
      const bytes = new Uint8Array(count);
      for (let at = 0; at < count; at += onceBytesMax)
        crypto.getRandomValues(bytes.subarray(at, at + onceBytesMax));
      return bytes;
    },
  };
}
