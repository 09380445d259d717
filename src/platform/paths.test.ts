import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfigText } from "./paths.ts";

const root = mkdtempSync(join(tmpdir(), "operone-paths-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("a configuration is read from a regular file, also through a link", () => {
  const file = join(root, "config.toml");
  writeFileSync(file, "version = 1\n");
  symlinkSync(file, join(root, "link"));
  expect(readConfigText(file)).toBe("version = 1\n");
  expect(readConfigText(join(root, "link"))).toBe("version = 1\n");
  expect(readConfigText(join(root, "absent"))).toBeUndefined();
});

test("a configuration that is no regular file, or has no end, is refused and never waited for", () => {
  mkdirSync(join(root, "folder"));
  for (const path of [join(root, "folder"), "/dev/zero"])
    expect(() => readConfigText(path)).toThrow(expect.objectContaining({ code: "invalid_input" }));
  const large = join(root, "large");
  writeFileSync(large, new Uint8Array(2 * 1024 * 1024));
  expect(() => readConfigText(large)).toThrow(expect.objectContaining({ code: "too_large" }));
});
