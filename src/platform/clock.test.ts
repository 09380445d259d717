import { expect, test } from "bun:test";
import { systemClock } from "./clock.ts";

test("a timer runs once, after its delay by the monotonic clock", async () => {
  const clock = systemClock();
  const startedMs = clock.monotonicMs();
  let runs = 0;
  await new Promise<void>((resolve) =>
    clock.after(20, () => {
      runs += 1;
      resolve();
    }),
  );
  // A millisecond of slack: timers count in whole milliseconds.
  expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(19);
  expect(runs).toBe(1);
});

test("a cancelled timer never runs", async () => {
  const clock = systemClock();
  let ran = false;
  const cancel = clock.after(5, () => {
    ran = true;
  });
  cancel();
  await new Promise<void>((resolve) => clock.after(20, resolve));
  expect(ran).toBe(false);
});

test("a delay longer than the system's own limit does not fire at once", async () => {
  const clock = systemClock();
  let ran = false;
  const cancel = clock.after(Number.MAX_SAFE_INTEGER, () => {
    ran = true;
  });
  await new Promise<void>((resolve) => clock.after(20, resolve));
  expect(ran).toBe(false);
  cancel();
});

test("the wall clock is Unix time in milliseconds", () => {
  expect(Math.abs(systemClock().nowMs() - Date.now())).toBeLessThan(1_000);
});
