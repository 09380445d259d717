import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeScratch, removeLeftScratch } from "./scratch.ts";

const made: string[] = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "op-scratch-"));
  made.push(path);
  return path;
}

test("a scratch folder is nobody else's, and goes with all that is in it", () => {
  const { path, remove } = makeScratch(folder());
  expect(statSync(path).mode & 0o777).toBe(0o700);
  writeFileSync(join(path, "made"), "x");
  remove();
  expect(existsSync(path)).toBe(false);
  remove();
});

test("what a killed node left is removed by its next run, and by no other node", async () => {
  const node = folder();
  const left = makeScratch(node).path;
  writeFileSync(join(left, "made"), "x");
  expect(await removeLeftScratch(folder())).toBe(0);
  expect(existsSync(left)).toBe(true);
  expect(await removeLeftScratch(node)).toBe(1);
  expect(existsSync(left)).toBe(false);
  expect(await removeLeftScratch(node)).toBe(0);
});

test("a link that somebody puts among them is left alone, and so is what a link in them leads to", async () => {
  const node = folder();
  const other = folder();
  writeFileSync(join(other, "kept"), "x");
  const { path } = makeScratch(node);
  const link = `${path}-link`;
  made.push(link);
  symlinkSync(other, link);
  symlinkSync(other, join(path, "inside"));
  expect(await removeLeftScratch(node)).toBe(1);
  expect(existsSync(link)).toBe(true);
  expect(readFileSync(join(other, "kept"), "utf8")).toBe("x");
});

test("a node without a data directory has left nothing", async () => {
  expect(await removeLeftScratch("/nowhere/operone")).toBe(0);
});
