import { describe, expect, test } from "bun:test";
import { bunCounts, denoCounts, one, sum } from "./counts.ts";

describe("counts", () => {
  test("the closing lines of bun test are read, and an error between tests is counted once", () => {
    const output = "(pass) 7 pass\n\n 12 pass\n 2 skip\n 1 todo\n 3 fail\n 1 error\n 40 expect() calls\n";
    expect(bunCounts(output, 1)).toEqual({ passed: 12, failed: 3, skipped: 3 });
  });

  test("the closing line of deno test is read", () => {
    const output = "ok | 1 passed\nFAILED | 10 passed (4 steps) | 2 failed | 1 ignored (194ms)\n";
    expect(denoCounts(output, 1)).toEqual({ passed: 10, failed: 2, skipped: 1 });
  });

  test("a runner that dies, or finds no test at all, has failed", () => {
    expect(bunCounts(" 5 pass\n 0 fail\n", 1).failed).toBe(1);
    expect(bunCounts("", 0).failed).toBe(1);
    expect(denoCounts("Segmentation fault", 139).failed).toBe(1);
  });

  test("sums add each column", () => {
    expect(sum([one(0), one(1), { passed: 3, failed: 0, skipped: 2 }])).toEqual({
      passed: 4,
      failed: 1,
      skipped: 2,
    });
  });
});
