import { expect, test } from "bun:test";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { Deadline } from "./deadline.ts";

test("only the time in which it runs counts", async () => {
  const clock = simulatedClock();
  let calls = 0;
  const deadline = new Deadline(clock, 100, () => calls++);
  await clock.advance(60);
  deadline.pause();
  deadline.pause();
  await clock.advance(10_000);
  expect(deadline.passed).toBe(false);
  deadline.resume();
  deadline.resume();
  await clock.advance(39);
  expect(calls).toBe(0);
  await clock.advance(1);
  expect([calls, deadline.passed]).toEqual([1, true]);
  deadline.resume();
  await clock.advance(1_000);
  expect(calls).toBe(1);
  expect(clock.timers).toBe(0);
});
