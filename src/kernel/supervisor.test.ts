import assert from "node:assert/strict";
import { test } from "node:test";
import { simulatedClock, simulatedLog, simulatedRandom } from "./simulated.ts";
import { backOffMs, supervise, supervisorLimits } from "./supervisor.ts";

function setUp() {
  const clock = simulatedClock();
  const ports = { clock, random: simulatedRandom(1), log: simulatedLog() };
  const failures: boolean[] = [];
  let recovered = 0;
  const events = {
    failed: (_: unknown, givenUp: boolean) => void failures.push(givenUp),
    recovered: () => void recovered++,
  };
  return { clock, ports, failures, events, recovered: () => recovered, abort: new AbortController() };
}

test("a task that returns is finished", async () => {
  const { ports, events, abort } = setUp();
  assert.equal(await supervise("t", async () => {}, abort.signal, ports, events), "finished");
});

test("a task that throws is restarted, later each time, and given up in the end", async () => {
  const { clock, ports, events, failures, abort } = setUp();
  const startedMs: number[] = [];
  const end = supervise(
    "t",
    async () => {
      startedMs.push(clock.monotonicMs());
      throw new Error("no");
    },
    abort.signal,
    ports,
    events,
  );
  await clock.advance(600_000);
  assert.equal(await end, "gave_up");
  assert.equal(startedMs.length, supervisorLimits.failuresMax);
  assert.deepEqual(failures, [...Array(supervisorLimits.failuresMax - 1).fill(false), true]);
  const pauses = startedMs.slice(1).map((at, index) => at - (startedMs[index] ?? 0));
  for (const [index, pause] of pauses.entries()) {
    const fullMs = supervisorLimits.backOffMsMin * 2 ** index;
    assert.ok(pause >= fullMs / 2 && pause <= fullMs, `pause ${index} is ${pause} ms`);
  }
});

test("a throw caused by our own signal is a cancellation, and one without it is a failure", async () => {
  const { ports, events, failures, abort } = setUp();
  const end = supervise(
    "t",
    (signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")))),
    abort.signal,
    ports,
    events,
  );
  abort.abort();
  assert.equal(await end, "cancelled");
  assert.deepEqual(failures, []);
});

test("a cancelled task does not wait for its back-off", async () => {
  const { clock, ports, events, abort } = setUp();
  const end = supervise("t", () => Promise.reject(new Error("no")), abort.signal, ports, events);
  await clock.advance(1);
  abort.abort();
  assert.equal(await end, "cancelled");
  assert.equal(clock.timers, 0);
});

test("a long healthy run forgives earlier failures", async () => {
  const { clock, ports, events, failures, recovered, abort } = setUp();
  let runs = 0;
  const end = supervise(
    "t",
    () =>
      ++runs % 2 === 1
        ? Promise.reject(new Error("at once"))
        : new Promise((_, reject) => {
            clock.after(supervisorLimits.healthyMs + 1, () => reject(new Error("late")));
            abort.signal.addEventListener("abort", () => reject(new Error("stopped")));
          }),
    abort.signal,
    ports,
    events,
  );
  await clock.advance(supervisorLimits.healthyMs * 20);
  assert.ok(failures.length > supervisorLimits.failuresMax);
  assert.ok(recovered() > 0);
  assert.ok(!failures.includes(true));
  abort.abort();
  assert.equal(await end, "cancelled");
});

test("the back-off never passes its greatest value", () => {
  const random = simulatedRandom(2);
  for (let failures = 1; failures < 100; failures++) {
    assert.ok(backOffMs(failures, supervisorLimits, random) <= supervisorLimits.backOffMsMax);
  }
});
