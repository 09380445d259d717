import assert from "node:assert/strict";
import { test } from "node:test";
import { setUp } from "./dispatch-sample.ts";
import { recordBudget } from "./record-budget.ts";

const member = { surface: "mesh", sharedBy: "mesh a", caller: { kind: "node", id: "a", name: "a" } } as const;

test("a node that reads without end gets some records, then one a minute with the count", async () => {
  const { call, journal, clock } = setUp();
  for (let at = 0; at < 1_000; at++) await call("far", member);
  assert.equal(journal.records.length, recordBudget.burstMax);
  await clock.advance(recordBudget.summaryMs);
  assert.equal(journal.records.length, recordBudget.burstMax + 1);
  const summary = journal.records.at(-1);
  assert.equal(summary?.count, 1_000 - recordBudget.burstMax);
  assert.equal(summary?.caller.id, "mesh a");
  assert.equal(clock.timers, 0);
});

test("what it is refused counts among them, and made-up callers of one node share the budget", async () => {
  const { call, journal } = setUp();
  for (let at = 0; at < 500; at++) {
    const caller = { kind: "agent", id: `a/agent/${at}`, name: "x" } as const;
    await call("far", { ...member, caller, grants: [] }).catch(() => {});
  }
  assert.equal(journal.records.length, recordBudget.burstMax);
});

test("another node, and what runs here, keep their records meanwhile", async () => {
  const { call, journal } = setUp();
  for (let at = 0; at < 500; at++) await call("far", member);
  const before = journal.records.length;
  await call("far", { ...member, sharedBy: "mesh b" });
  await call("kill", { caller: { kind: "node", id: "c", name: "c" } });
  assert.equal(journal.records.length, before + 3);
});

test("after a rest there are records again", async () => {
  const { call, journal, clock } = setUp();
  for (let at = 0; at < 500; at++) await call("far", member);
  await clock.advance(recordBudget.refillMs * 10);
  const before = journal.records.length;
  for (let at = 0; at < 10; at++) await call("far", member);
  assert.equal(journal.records.length, before + 10);
});
