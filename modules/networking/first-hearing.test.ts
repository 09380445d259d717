import { expect, test } from "bun:test";
import type { OperoneError } from "../../src/kernel/error.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { FirstHearing, hearingMsMax } from "./first-hearing.ts";

test("who has heard nobody since its start is refused in time, and told what helps", async () => {
  const clock = simulatedClock();
  const hearing = new FirstHearing(clock, true, () => 1);
  const refused = hearing.over().then(
    () => undefined,
    (error: OperoneError) => error,
  );
  await clock.advance(hearingMsMax);
  expect(await refused).toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(/operone recover/),
  });
});

test("whoever waits goes on as soon as somebody was heard, and nobody waits afterwards", async () => {
  const hearing = new FirstHearing(simulatedClock(), true, () => 1);
  const waiting = hearing.over();
  hearing.end();
  await waiting;
  await hearing.over();
});

test("a node that is alone, or has just made or entered its mesh, waits for nobody", async () => {
  await new FirstHearing(simulatedClock(), true, () => 0).over();
  await new FirstHearing(simulatedClock(), false, () => 1).over();
});
