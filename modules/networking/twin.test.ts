import { expect, test } from "bun:test";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { TwinWatch } from "./twin.ts";

const copy = { name: "copy", addresses: ["/ip4/10.0.0.9/tcp/6738"] };

function watch() {
  const clock = simulatedClock();
  const logged: string[] = [];
  const write = (message: string) => void logged.push(message);
  const log = { debug: write, info: write, warn: write, error: write };
  const seen = { answers: 0 };
  const twins = new TwinWatch(clock, log, () => {
    seen.answers += 1;
  });
  return { clock, logged, seen, twins };
}

test("one statement from before a restored backup is answered, and is no twin", async () => {
  const { clock, logged, seen, twins } = watch();
  twins.heard(copy);
  await clock.advance(0);
  expect([twins.twin(), seen.answers, logged]).toEqual([undefined, 1, []]);
});

test("whoever answers the answer is a living twin, told of once", async () => {
  const { clock, logged, twins } = watch();
  for (let times = 0; times < 5; times += 1) {
    twins.heard(copy);
    await clock.advance(0);
  }
  expect(twins.twin()).toEqual(copy);
  expect(logged.length).toBe(1);
});

test("however often a twin speaks, it is answered every 20 seconds", async () => {
  const { clock, seen, twins } = watch();
  for (let seconds = 0; seconds < 59; seconds += 1) {
    twins.heard(copy);
    await clock.advance(1_000);
  }
  expect(seen.answers).toBe(3);
});

test("a twin that is silent for half an hour is gone, and a stopped watch answers nobody", async () => {
  const { clock, seen, twins } = watch();
  twins.heard(copy);
  twins.heard(copy);
  twins.stop();
  await clock.advance(31 * 60_000);
  expect([twins.twin(), seen.answers]).toEqual([undefined, 0]);
});
