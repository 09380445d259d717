import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Scanners } from "./scanners.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-scan-")));
afterAll(() => rmSync(folder, { recursive: true }));

const query = (pattern: string) => ({
  ...{ pattern, fixed: false, ignoreCase: false, word: false, before: 0, after: 0, perFileMax: 10 },
});

test("patterns on which others work for ever are answered at once", async () => {
  const slow = join(folder, "slow");
  writeFileSync(slow, `${"a".repeat(100_000)}!\n${"x".repeat(100_000)}\n`);
  for (const pattern of ["^(a+)+$", "x*x*x*x*x*x*x*x*y", "(a|aa)+$", "(.*)*="]) {
    using scanners = new Scanners(query(pattern), 1_000_000);
    expect(await scanners.scan([slow])).toMatchObject({ files: 1, found: [] });
  }
}, 30_000);

test("a file that takes too long all the same is given up, and named", async () => {
  const large = join(folder, "large");
  writeFileSync(large, "some words of a line that is like any other\n".repeat(1_000_000));
  using scanners = new Scanners(query("\\w+ \\w+ zebra$"), 100_000_000, 1);
  expect(await scanners.scan([large]).catch((error) => error)).toMatchObject({
    code: "deadline",
    message: expect.stringContaining(large),
  });
}, 30_000);

test("a file that is too large, or is not there, is skipped and counted", async () => {
  const path = join(folder, "text");
  writeFileSync(path, "needle");
  using scanners = new Scanners(query("needle"), 6);
  expect(await scanners.scan([path, join(folder, "none")])).toMatchObject({ files: 1, bytes: 6, skipped: 1 });
  writeFileSync(path, "needle!");
  expect(await scanners.scan([path])).toMatchObject({ files: 0, skipped: 1, found: [] });
});

test("the end of a search ends what still waits", async () => {
  const scanners = new Scanners(query("x"), 10);
  const waiting = scanners.scan([join(folder, "text")]).catch((error) => error);
  scanners[Symbol.dispose]();
  expect(await waiting).toMatchObject({ code: "cancelled" });
  await expect(scanners.scan([])).rejects.toMatchObject({ code: "cancelled" });
});
