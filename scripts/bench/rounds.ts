/** Interleaved rounds: each subject runs next to its yardstick, so that a noisy machine disturbs both alike. */

export interface Contestant {
  readonly name: string;
  /** One measurement, in the row's unit. */
  run(): Promise<number>;
}

export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly subject: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
  readonly yardstick?: string;
  readonly yardstickMedian?: number;
  /** Subject over yardstick: below 1 is better for times and memory, above 1 for rates. */
  readonly ratio?: number;
  readonly goal: string;
}

export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly goal: string;
  readonly rounds: number;
  readonly subject: Contestant;
  readonly yardstick?: Contestant;
}

/** One unmeasured round warms both up; after that the order changes each round, so that neither is always first. */
export async function compare({ what, unit, goal, rounds, subject, yardstick }: Comparison): Promise<Row> {
  const subjectValues: number[] = [];
  const yardstickValues: number[] = [];
  const steps: (readonly [Contestant, number[]])[] = [[subject, subjectValues]];
  if (yardstick !== undefined) steps.push([yardstick, yardstickValues]);
  for (const [contestant] of steps) await contestant.run();
  for (let round = 0; round < rounds; round++) {
    for (const [contestant, values] of round % 2 === 0 ? steps : steps.toReversed()) {
      values.push(await contestant.run());
    }
  }
  const ownMedian = median(subjectValues);
  const row = {
    what,
    unit,
    goal,
    rounds,
    subject: subject.name,
    median: ownMedian,
    low: Math.min(...subjectValues),
    high: Math.max(...subjectValues),
  };
  if (yardstick === undefined) return row;
  const yardstickMedian = median(yardstickValues);
  return { ...row, yardstick: yardstick.name, yardstickMedian, ratio: ownMedian / yardstickMedian };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Lines up the rows for a terminal. */
export function tableOf(rows: readonly Row[]): string {
  const number = (value: number | undefined) =>
    value === undefined ? "" : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  const cells = rows.map((row) => [
    row.what,
    `${number(row.median)} ${row.unit}`,
    `${number(row.low)}..${number(row.high)}`,
    row.yardstick === undefined ? "" : `${row.yardstick} ${number(row.yardstickMedian)} ${row.unit}`,
    row.ratio === undefined ? "" : `${row.ratio.toFixed(2)}x`,
    row.goal,
  ]);
  const all = [["what", "median", "range", "yardstick", "ratio", "goal"], ...cells];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0))) ?? [];
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
