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

test("a pattern that does not come to an end is given up, with the file's name", async () => {
  const slow = join(folder, "slow");
  writeFileSync(slow, `${"a".repeat(40)}!\n`.repeat(1_000));
  using scanners = new Scanners(query("^(a+)+$"), 1_000_000, 200);
  expect(await scanners.scan([slow]).catch((error) => error)).toMatchObject({
    code: "deadline",
    message: expect.stringContaining(slow),
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
