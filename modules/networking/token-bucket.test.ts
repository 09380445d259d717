import { expect, test } from "bun:test";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { TokenBucket } from "./token-bucket.ts";

test("a burst empties it, time fills it, and never beyond its size", async () => {
  const clock = simulatedClock();
  const bucket = new TokenBucket(clock, { tokensMax: 3, refillMs: 100 });
  const taken = () => Array.from({ length: 10 }, () => bucket.take()).filter(Boolean).length;
  expect(taken()).toBe(3);
  await clock.advance(99);
  expect(taken()).toBe(0);
  await clock.advance(1);
  expect(taken()).toBe(1);
  await clock.advance(1_000_000);
  expect(taken()).toBe(3);
});
