import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Caller } from "./authority.ts";
import { canonicalJson, digestOf } from "./digest.ts";
import { OperoneError } from "./error.ts";
import { idempotency } from "./idempotency.ts";
import { simulatedClock } from "./simulated.ts";

const caller: Caller = { kind: "token", id: "1", name: "ci" };
const other: Caller = { kind: "token", id: "2", name: "ci" };

function setUp(entriesMax = 3) {
  const clock = simulatedClock();
  let runs = 0;
  const run = { run: async () => ++runs, begun: () => true };
  return {
    clock,
    run,
    runs: () => runs,
    keys: idempotency(clock, { keptMs: 1_000, entriesMax, keyLengthMax: 8 }),
  };
}

const begun = (run: () => Promise<unknown>) => ({ run, begun: () => true });

test("a repeated key gives the first answer and runs nothing", async () => {
  const { keys, run, runs } = setUp();
  assert.equal(await keys.once(caller, "k", "r", run), 1);
  assert.equal(await keys.once(caller, "k", "r", run), 1);
  assert.equal(runs(), 1);
});

test("a repeat during the first run waits for its answer", async () => {
  const { keys } = setUp();
  let finish = (_: string) => {};
  const first = keys.once(
    caller,
    "k",
    "r",
    begun(() => new Promise((resolve) => (finish = resolve))),
  );
  const second = keys.once(
    caller,
    "k",
    "r",
    begun(() => Promise.reject(new Error("ran twice"))),
  );
  finish("done");
  assert.deepEqual(await Promise.all([first, second]), ["done", "done"]);
});

test("a failure is repeated as well, because the write may have had effects", async () => {
  const { keys, run } = setUp();
  const fail = begun(() => Promise.reject(new OperoneError("conflict", "exists")));
  await assert.rejects(keys.once(caller, "k", "r", fail), /exists/);
  await assert.rejects(keys.once(caller, "k", "r", run), /exists/);
});

test("a failure before anything has happened is forgotten", async () => {
  const { keys, run } = setUp();
  const refuse = () => Promise.reject(new OperoneError("unavailable", "not yet"));
  await assert.rejects(keys.once(caller, "k", "r", { run: refuse, begun: () => false }), /not yet/);
  assert.equal(await keys.once(caller, "k", "r", run), 1);
});

test("one caller's key says nothing about another's", async () => {
  const { keys, run } = setUp();
  assert.equal(await keys.once(caller, "k", "r", run), 1);
  assert.equal(await keys.once(other, "k", "r", run), 2);
});

test("a key used for another request is a conflict", async () => {
  const { keys, run } = setUp();
  await keys.once(caller, "k", "r", run);
  await assert.rejects(keys.once(caller, "k", "other", run), { code: "conflict" });
});

test("keys are forgotten after their time, and the oldest make room", async () => {
  const { keys, run, clock } = setUp();
  for (const key of ["a", "b", "c", "d"]) await keys.once(caller, key, "r", run);
  assert.equal(await keys.once(caller, "a", "r", run), 5);
  await clock.advance(1_000);
  assert.equal(await keys.once(caller, "d", "r", run), 6);
});

test("too many running writes are refused, not forgotten", async () => {
  const { keys, run } = setUp(1);
  void keys.once(
    caller,
    "a",
    "r",
    begun(() => new Promise(() => {})),
  );
  await assert.rejects(keys.once(caller, "b", "r", run), { code: "limited" });
});

test("an empty or too long key is refused", async () => {
  const { keys, run } = setUp();
  for (const key of ["", "123456789"])
    await assert.rejects(keys.once(caller, key, "r", run), { code: "invalid_input" });
});

test("equal JSON values have one canonical text, whatever the order of their keys", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(canonicalJson(reordered(value)), canonicalJson(value));
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.notEqual(digestOf({ a: 1 }), digestOf({ a: "1" }));
  assert.equal(digestOf({ a: 1, b: undefined }), digestOf({ a: 1 }));
});

function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, field]) => [key, reordered(field)]),
  );
}
