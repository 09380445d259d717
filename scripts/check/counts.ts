export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const nothing: Counts = { passed: 0, failed: 0, skipped: 0 };

export function sum(all: readonly Counts[]): Counts {
  return all.reduce(
    (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }),
    nothing,
  );
}

/** A check that is one question: it holds or it does not. */
export function one(code: number): Counts {
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

/** A runner that fails must count as a failure, even if it died before it could count. */
function withCode(counts: Counts, code: number): Counts {
  const silent = counts.passed + counts.failed + counts.skipped === 0;
  if ((code !== 0 && counts.failed === 0) || silent) return { ...counts, failed: counts.failed + 1 };
  return counts;
}

/** The closing lines of `bun test`: ` 12 pass`, ` 1 fail`, ` 2 skip`, ` 1 todo`. Its errors are among its fails. */
export function bunCounts(output: string, code: number): Counts {
  const last = (word: string): number => {
    const found = [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}s?$`, "gm"))].at(-1);
    return Number(found?.[1] ?? 0);
  };
  return withCode({ passed: last("pass"), failed: last("fail"), skipped: last("skip") + last("todo") }, code);
}

/** The closing line of `deno test`: `ok | 12 passed (3 steps) | 0 failed | 1 ignored (5ms)`. */
export function denoCounts(output: string, code: number): Counts {
  const closing = [...output.matchAll(/^(?:ok|FAILED) \| .*$/gm)].at(-1)?.[0] ?? "";
  const count = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(closing)?.[1] ?? 0);
  return withCode({ passed: count("passed"), failed: count("failed"), skipped: count("ignored") }, code);
}
