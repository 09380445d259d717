import { expect, test } from "bun:test";
import { rosterLimits } from "./roster-limits.ts";
import { Outbox } from "./roster-outbox.ts";

const never = new AbortController().signal;
const want = (count: number) => ({ type: "want" as const, hashes: Array.from({ length: count }, () => "") });

test("items come out as they went in, also for somebody who waits already", async () => {
  const outbox = new Outbox();
  const first = outbox.take(never);
  outbox.put({ type: "summary" });
  outbox.put({ type: "done" });
  expect([await first, outbox.has("done"), await outbox.take(never), outbox.has("done")]).toEqual([
    { type: "summary" },
    true,
    { type: "done" },
    false,
  ]);
});

test("what waits is bounded by the records in it, and taking makes room", async () => {
  const outbox = new Outbox();
  outbox.put(want(rosterLimits.outboxMax - 1));
  expect(() => outbox.put({ type: "done" })).toThrow(/reads too slowly: 64000 records wait/);
  await outbox.take(never);
  outbox.put({ type: "done" });
});

test("whoever waits is let go by the signal", async () => {
  const controller = new AbortController();
  const outbox = new Outbox();
  const waiting = outbox.take(controller.signal);
  controller.abort();
  expect(await waiting).toBeUndefined();
  outbox.put({ type: "done" });
  expect(await outbox.take(controller.signal)).toBeUndefined();
});
