import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs, momentMs, spanMs, spanOf } from "./duration.ts";

test("a span is a number and a unit", () => {
  assert.deepEqual(["90s", "15m", "12h", "30d"].map(spanMs), [90_000, 900_000, 43_200_000, 30 * dayMs]);
  for (const text of ["", "0s", "5", "s", "-5s", "1.5h", "1w", " 5s", "5 s", "3651d", "never"]) {
    assert.throws(() => spanMs(text), /span of time|too long/);
  }
});

test("a moment is ISO 8601, or a span before now", () => {
  assert.equal(momentMs("2026-11-20T12:00:00Z", 0), Date.UTC(2026, 10, 20, 12));
  assert.equal(momentMs("2026-11-20", 0), Date.UTC(2026, 10, 20));
  assert.equal(momentMs("2h", 10_000_000), 2_800_000);
  for (const text of ["", "yesterday", "7", "2026", "20261120", "2026-13-01"]) {
    assert.throws(() => momentMs(text, 0), /is no moment/);
  }
});

test("a span is told in the unit that people would take", () => {
  assert.deepEqual([400, 30_000, 300_000, 7_200_000, 3 * dayMs].map(spanOf), ["1s", "30s", "5m", "2h", "3d"]);
});
