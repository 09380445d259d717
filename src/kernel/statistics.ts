/** Counts of calls by operation, surface and code, for the metrics. Bounded: the keys come from the closed tables. */
import type { ErrorCode } from "./error.ts";
import type { SurfaceName } from "./operation.ts";
import type { CallStatistics } from "./view.ts";

/** Upper bounds in milliseconds: OpenTelemetry's advice for RPC durations, from 5 ms, with finer ones below. */
export const durationMsBounds: readonly number[] = [
  0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000,
];

interface Counter {
  count: number;
  durationMsSum: number;
  readonly buckets: number[];
}

export interface Statistics {
  add(operation: string, surface: SurfaceName, code: ErrorCode | "ok", durationMs: number): void;
  read(): readonly CallStatistics[];
}

export function statistics(): Statistics {
  const counters = new Map<string, Counter>();
  return {
    add(operation, surface, code, durationMs) {
      const key = `${operation} ${surface} ${code}`;
      let counter = counters.get(key);
      if (counter === undefined) {
        counter = { count: 0, durationMsSum: 0, buckets: durationMsBounds.map(() => 0) };
        counters.set(key, counter);
      }
      counter.count++;
      counter.durationMsSum += durationMs;
      const bucket = durationMsBounds.findIndex((bound) => durationMs <= bound);
      if (bucket >= 0) counter.buckets[bucket] = (counter.buckets[bucket] ?? 0) + 1;
    },
    read: () =>
      [...counters].map(([key, counter]) => {
        const [operation, surface, code] = key.split(" ") as [string, SurfaceName, ErrorCode | "ok"];
        return { operation, surface, code, ...counter, buckets: cumulative(counter.buckets) };
      }),
  };
}

function cumulative(counts: readonly number[]): readonly number[] {
  let sum = 0;
  return counts.map((count) => {
    sum += count;
    return sum;
  });
}
