import { expect, test } from "bun:test";
import { dayMs, momentMs, spanMs, spanOf } from "./durations.ts";

test("a span is a number and a unit", () => {
  expect(["90s", "15m", "12h", "30d"].map(spanMs)).toEqual([90_000, 900_000, 43_200_000, 30 * dayMs]);
  for (const text of ["", "0s", "5", "s", "-5s", "1.5h", "1w", " 5s", "5 s", "3651d", "never"]) {
    expect(() => spanMs(text)).toThrow(/span of time|too long/);
  }
});

test("a moment is ISO 8601, or a span before now", () => {
  expect(momentMs("2026-11-20T12:00:00Z", 0)).toBe(Date.UTC(2026, 10, 20, 12));
  expect(momentMs("2026-11-20", 0)).toBe(Date.UTC(2026, 10, 20));
  expect(momentMs("2h", 10_000_000)).toBe(2_800_000);
  for (const text of ["", "yesterday", "7", "2026", "20261120", "2026-13-01"]) {
    expect(() => momentMs(text, 0)).toThrow(/is no moment/);
  }
});

test("a span is told in the unit that people would take", () => {
  expect([400, 30_000, 300_000, 7_200_000, 3 * dayMs].map(spanOf)).toEqual(["1s", "30s", "5m", "2h", "3d"]);
});
