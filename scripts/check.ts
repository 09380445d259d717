/**
 * Every check of the project: `npm test`.
 *
 *     npm test                         everything that this machine can run
 *     npm test -- --strict             what cannot be run is a failure
 *     npm test -- --only types,lint    some of them
 *
 * The last line is `N passed, N failed` or `N passed, N failed, N skipped`.
 */

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { sum } from "./check/counts.ts";
import { killAll, type Place } from "./check/run.ts";
import { type Result, type Step, steps } from "./check/steps.ts";

const atOnceMax = 2;

/** The steps that were asked for, and what they build on. */
function choose(only: string | undefined): Step[] {
  if (only === undefined) return [...steps];
  const wanted = new Set<string>();
  const want = (name: string): void => {
    const step = steps.find((one) => one.name === name);
    if (step === undefined) {
      throw new Error(
        `There is no check "${name}"; use some of: ${steps.map((one) => one.name).join(", ")}.`,
      );
    }
    wanted.add(name);
    if (step.after !== undefined) want(step.after);
  };
  for (const name of only.split(",")) want(name.trim());
  return steps.filter((step) => wanted.has(step.name));
}

function print(name: string, result: Result, seconds: string): void {
  const verdict = result.failed > 0 ? "FAIL" : result.passed > 0 ? "ok  " : "skip";
  const counts = [`${result.passed} passed`];
  if (result.failed > 0) counts.push(`${result.failed} failed`);
  if (result.skipped > 0) counts.push(`${result.skipped} skipped`);
  const note = result.note === undefined ? "" : `  (${result.note})`;
  console.log(`${verdict} ${name.padEnd(10)} ${seconds.padStart(6)} s  ${counts.join(", ")}${note}`);
  if (result.failed > 0) console.log(`${result.output.trimEnd()}\n`);
}

async function runStep(step: Step, place: Place, done: ReadonlyMap<string, Result>): Promise<Result> {
  const before = step.after === undefined ? undefined : done.get(step.after);
  const started = performance.now();
  let result: Result;
  if (before !== undefined && before.failed > 0 && before.passed === 0) {
    result = { passed: 0, failed: 1, skipped: 0, output: `Not run, because "${step.after}" failed.` };
  } else {
    result = await step.run(place).catch((error: unknown) => ({
      passed: 0,
      failed: 1,
      skipped: 0,
      output: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }));
  }
  print(step.name, result, ((performance.now() - started) / 1000).toFixed(1));
  return result;
}

/** Two at a time, each as soon as the one it builds on is done. */
async function runAll(chosen: readonly Step[], place: Place): Promise<Result[]> {
  const done = new Map<string, Result>();
  const waiting = [...chosen];
  const active = new Set<Promise<void>>();
  while (waiting.length > 0 || active.size > 0) {
    const ready = waiting.findIndex((step) => step.after === undefined || done.has(step.after));
    if (ready >= 0 && active.size < atOnceMax) {
      for (const step of waiting.splice(ready, 1)) {
        const task = runStep(step, place, done).then((result) => {
          done.set(step.name, result);
          active.delete(task);
        });
        active.add(task);
      }
    } else {
      await Promise.race(active);
    }
  }
  return [...done.values()];
}

/** The caller's settings for Operone, Bun and Node would change what is tested. */
function cleanEnv(scratch: string): Record<string, string | undefined> {
  const changing = /^(OPERONE_.*|NODE_ENV|NODE_OPTIONS|BUN_OPTIONS|FORCE_COLOR)$/;
  const kept = Object.entries(process.env).filter(([name]) => !changing.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", TMPDIR: scratch };
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { strict: { type: "boolean" }, only: { type: "string" } } });
  const chosen = choose(values.only);
  // Short, because a Unix socket's path has at most 107 bytes.
  const scratch = await mkdtemp(join(tmpdir(), "oc-"));
  // As in the system's own: commands that run as another user go through it to their files.
  await chmod(scratch, 0o711);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      killAll();
      void rm(scratch, { recursive: true, force: true }).then(() => process.exit(130));
    });
  }
  const place: Place = { cwd: resolve(import.meta.dir, ".."), env: cleanEnv(scratch), scratch };
  const results = await runAll(chosen, place);
  await rm(scratch, { recursive: true, force: true });
  const skips = results.flatMap((result) => result.skips ?? []);
  for (const reason of skips) console.log(`skipped: ${reason}`);
  const { passed, failed, skipped } = sum(results);
  if (values.strict) {
    if (skipped > 0) console.log(`${skipped} skipped, which counts as failed here.`);
    console.log(`${passed} passed, ${failed + skipped} failed`);
    return failed + skipped > 0 ? 1 : 0;
  }
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  return failed > 0 ? 1 : 0;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
