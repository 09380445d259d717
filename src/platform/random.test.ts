import { expect, test } from "bun:test";
import { systemRandom } from "./random.ts";

test("random bytes have the asked length, differ, and share their memory with nobody", () => {
  const random = systemRandom();
  const bytes = random.bytes(32);
  expect(bytes.length).toBe(32);
  expect(bytes.buffer.byteLength).toBe(32);
  expect(Buffer.from(random.bytes(32)).equals(Buffer.from(bytes))).toBe(false);
  expect(random.bytes(0).length).toBe(0);
  // More than crypto.getRandomValues gives in one call.
  expect(random.bytes(100_000).length).toBe(100_000);
});
