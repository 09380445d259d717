import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSettings, removeSettings, writeSettings } from "./settings-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "op-settings-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a link to what is not there yet is followed, and the file is made at its end", () => {
  const path = join(folder, "a");
  symlinkSync("sub/b", path);
  const file = readSettings(path);
  expect([file.real, file.text]).toEqual([join(folder, "sub", "b"), undefined]);
  expect(writeSettings(file, "text")).toBe(join(folder, "sub"));
  expect(readSettings(path).text).toBe("text");
  removeSettings(file.real, join(folder, "sub"));
  expect(readdirSync(folder)).toEqual(["a"]);
});

test("links in a circle, folders, and bytes that are no text are refused", () => {
  symlinkSync("b", join(folder, "a"));
  symlinkSync("a", join(folder, "b"));
  expect(() => readSettings(join(folder, "a"))).toThrow("more than 16");
  expect(() => readSettings(folder)).toThrow("is no regular file");
  writeFileSync(join(folder, "c"), new Uint8Array([0xff, 0xfe]));
  expect(() => readSettings(join(folder, "c"))).toThrow("is no UTF-8 text");
});

test("a file keeps its mode, whatever the process masks, and no part of a write stays", () => {
  const path = join(folder, "a");
  writeFileSync(path, "old");
  chmodSync(path, 0o666);
  writeSettings(readSettings(path), "new");
  expect([readSettings(path).text, statSync(path).mode & 0o777]).toEqual(["new", 0o666]);
  writeSettings(readSettings(path), "newer", 0o600);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["a"]);
});

test("whoever may, leaves a file to its owner", () => {
  const path = join(folder, "a");
  writeFileSync(path, "old");
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(path, 4_711, 4_712);
  const { uid, gid } = statSync(path);
  writeSettings(readSettings(path), "new");
  expect([statSync(path).uid, statSync(path).gid]).toEqual([uid, gid]);
});

test("a file that is larger than any settings is not read", () => {
  const path = join(folder, "a");
  writeFileSync(path, "");
  truncateSync(path, 33 * 1024 * 1024);
  expect(() => readSettings(path)).toThrow("at most 33554432 are read");
});

test("folders that somebody uses meanwhile are not removed", () => {
  const file = readSettings(join(folder, "x", "y", "a"));
  const made = writeSettings(file, "text");
  writeFileSync(join(folder, "x", "other"), "");
  removeSettings(file.real, made);
  expect(readdirSync(join(folder, "x"))).toEqual(["other"]);
});

test("a target that is a folder is refused by the write, which leaves nothing", () => {
  const file = readSettings(join(folder, "a"));
  mkdirSync(join(folder, "a", "b"), { recursive: true });
  expect(() => writeSettings(file, "text")).toThrow("Could not write");
  expect(readdirSync(folder)).toEqual(["a"]);
});
