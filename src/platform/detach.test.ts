import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDetached } from "./detach.ts";
import type { DetachReport } from "./start-report.ts";

const made: string[] = [];
function output(): string {
  const folder = mkdtempSync(join(tmpdir(), "detach-"));
  made.push(folder);
  return join(folder, "output.log");
}
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

const detach = JSON.stringify(join(import.meta.dir, "start-report.ts"));

function reporting(report: DetachReport, after = ""): readonly string[] {
  const program = `const { reportStart } = await import(${detach}); reportStart(${JSON.stringify(report)}); ${after}`;
  return [process.execPath, "-e", program];
}

test("what the child reports comes back, and the child runs on", async () => {
  const file = output();
  const after = `console.log("running on"); await Bun.sleep(60_000);`;
  const { pid, report } = await startDetached(
    [],
    file,
    20_000,
    reporting({ ok: true, text: "here I am" }, after),
  );
  expect(report).toEqual({ ok: true, text: "here I am" });
  process.kill(pid, "SIGKILL");
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a refusal comes back with its code", async () => {
  const refusal = { ok: false, code: "conflict", text: "taken" } as const;
  expect((await startDetached([], output(), 20_000, reporting(refusal))).report).toEqual(refusal);
});

test("of a child that ends without a word the last lines are told", async () => {
  const dying = [process.execPath, "-e", `console.error("the reason"); process.exit(3)`];
  const file = output();
  writeFileSync(file, "of an earlier start\n");
  const { report } = await startDetached([], file, 20_000, dying);
  expect(report).toEqual({ ok: false, code: "unavailable", text: "the reason" });
  const silent = await startDetached([], file, 20_000, ["sh", "-c", "exit 0"]);
  expect(silent.report?.text).toContain("It ended without a word");
});

test("a child that says nothing in time is told from one that failed", async () => {
  const { pid, report } = await startDetached([], output(), 100, ["sh", "-c", "exec sleep 60"]);
  expect(report).toBeUndefined();
  process.kill(pid, "SIGKILL");
});

test("the output of earlier starts is set aside when it is large", async () => {
  const file = output();
  writeFileSync(file, Buffer.alloc(5 * 1024 * 1024));
  await startDetached([], file, 20_000, reporting({ ok: true, text: "" }));
  expect(existsSync(`${file}.1`)).toBe(true);
  expect(readFileSync(file, "utf8")).toBe("");
});
