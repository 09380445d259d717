import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { version } from "../../package.json";
import { arm64 } from "./subject.ts";

test("the file for 64-bit ARM starts and says its version", async () => {
  const run = Bun.spawnSync([...(await arm64()), "--version"], { cwd: tmpdir() });
  expect(run.stderr.toString()).toBe("");
  expect(run.stdout.toString()).toContain(version);
  expect(run.exitCode).toBe(0);
}, 60_000);
