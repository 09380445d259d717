import { expect, test } from "bun:test";
import { simulatedClock, simulatedLog } from "../../src/kernel/simulated.ts";
import { Uses } from "./uses.ts";

test("many uses within a minute are written once, and a disk that fails costs no call", async () => {
  const clock = simulatedClock(1_000);
  const log = simulatedLog();
  const written: [string, number][][] = [];
  let fails = false;
  const uses = new Uses({
    clock,
    log,
    write: (all) => {
      if (fails) throw new Error("full");
      written.push([...all]);
    },
  });
  for (const id of ["a", "b", "a"]) uses.mark(id);
  expect([uses.at("a"), uses.at("c"), written.length]).toEqual([1_000, undefined, 0]);
  await clock.advance(60_000);
  expect(written).toEqual([
    [
      ["a", 1_000],
      ["b", 1_000],
    ],
  ]);
  await clock.advance(600_000);
  expect(written).toHaveLength(1);
  fails = true;
  uses.mark("a");
  await clock.advance(60_000);
  expect(log.entries.map(({ message }) => message)).toEqual([
    "When tokens were last used could not be written",
  ]);
});
