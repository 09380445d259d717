/** Names for rows and tokens, made from strong random bytes. */
import type { Random } from "../../src/kernel/ports.ts";

/** 32 signs without l, o, 0 and 1, which people confuse when they type an id from a screen. */
const signs = "abcdefghijkmnpqrstuvwxyz23456789";

/** Five bits of random a character. */
export function randomId(random: Random, length: number): string {
  return Array.from(random.bytes(length), (byte) => signs[byte & 31]).join("");
}

/** 256 bits as 43 characters of base64url. */
export function randomSecret(random: Random): string {
  return Buffer.from(random.bytes(32)).toString("base64url");
}
