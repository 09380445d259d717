import assert from "node:assert/strict";
import { test } from "node:test";
import { SeenCalls } from "./mesh-seen.ts";

test("a call is known again for 10 minutes, however long its caller's name is", () => {
  let nowMs = 0;
  const seen = new SeenCalls(() => nowMs);
  const long = "\u4e00".repeat(1_000);
  seen.add(`${long} 1`, "1");
  seen.add(`${long} 2`, "2");
  assert.throws(() => seen.add(`${long} 1`, "1"), { code: "conflict" });
  nowMs = 10 * 60_000 + 1;
  seen.add(`${long} 1`, "1");
});
