import assert from "node:assert/strict";
import { test } from "node:test";
import { durationMsBounds, statistics } from "./statistics.ts";

test("calls are counted by operation, surface and code, with cumulative buckets", () => {
  const counts = statistics();
  for (const ms of [0.1, 0.3, 60_000]) counts.add("node.status", "http", "ok", ms);
  counts.add("node.status", "cli", "ok", 1);
  const [http, cli] = counts.read();
  assert.equal(http?.count, 3);
  assert.equal(http?.durationMsSum, 60_000.4);
  assert.deepEqual(http?.buckets.slice(0, 3), [1, 2, 2]);
  assert.equal(http?.buckets.at(-1), 2);
  assert.deepEqual([cli?.surface, cli?.count], ["cli", 1]);
  assert.equal(http?.buckets.length, durationMsBounds.length);
});
