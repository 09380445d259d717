import { expect, test } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeScratch } from "./scratch.ts";

test("a scratch folder is nobody else's, and goes with all that is in it", () => {
  const { path, remove } = makeScratch();
  expect(statSync(path).mode & 0o777).toBe(0o700);
  writeFileSync(join(path, "made"), "x");
  remove();
  expect(existsSync(path)).toBe(false);
  remove();
});
