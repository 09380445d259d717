import { expect, test } from "bun:test";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { HeardRate, heardLimits } from "./heard-rate.ts";

const tenThousand = Array.from({ length: 10_000 }, (_, index) => index);

test("a loud sender is not listened to for a while, and the others are", async () => {
  const clock = simulatedClock();
  const rate = new HeardRate(clock);
  const { tokensMax, refillMs } = heardLimits.packetsPerSource;
  expect(tenThousand.filter(() => rate.allows("10.0.0.66"))).toHaveLength(tokensMax);
  expect(rate.allows("10.0.0.2")).toBe(true);
  await clock.advance(refillMs);
  expect([rate.allows("10.0.0.66"), rate.allows("10.0.0.66")]).toEqual([true, false]);
});

test("forged senders together are not listened to more than the total", async () => {
  const clock = simulatedClock();
  const rate = new HeardRate(clock);
  const { tokensMax, refillMs } = heardLimits.packets;
  expect(tenThousand.filter((index) => rate.allows(`forged${index}`))).toHaveLength(tokensMax);
  await clock.advance(10 * refillMs);
  expect(tenThousand.filter((index) => rate.allows(`more${index}`))).toHaveLength(10);
});

test("attempts are few for one peer, and bounded for all", () => {
  const rate = new HeardRate(simulatedClock());
  const { attemptsPerPeer, attempts } = heardLimits;
  expect(tenThousand.filter(() => rate.allowsAttempt("a"))).toHaveLength(attemptsPerPeer.tokensMax);
  const others = tenThousand.filter((index) => rate.allowsAttempt(`peer${index}`));
  expect(others).toHaveLength(attempts.tokensMax - attemptsPerPeer.tokensMax);
});

test("of so many senders something is kept, and the one that came first is forgotten", () => {
  const limits = { packets: { tokensMax: 1e6, refillMs: 1 }, countedMax: 100 };
  const rate = new HeardRate(simulatedClock(), limits);
  while (rate.allows("first"));
  for (let index = 0; index < limits.countedMax - 1; index++) rate.allows(`other${index}`);
  expect(rate.allows("first")).toBe(false);
  rate.allows("one more");
  expect(rate.allows("first")).toBe(true);
});
