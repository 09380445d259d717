/** How far a call is, in one line on stderr that is written over: for people alone. */
import type { Progress } from "../kernel/operation.ts";
import type { CliIo } from "./cli-io.ts";
import { bytesText, durationText } from "./render.ts";
import { escapeControls, truncate } from "./text.ts";

export interface ProgressLine {
  show(progress: Progress): void;
  /** Before anything else is printed. */
  clear(): Promise<void>;
}

/** Cells of the bar. */
const barWidth = 20;
/** A speed that was measured for less says nothing. */
const measuredMsMin = 500;
/** Bytes between two words about those that come in. */
const chunkStep = 4 * 1024 * 1024;

export function showsProgress({ isTty, environment }: CliIo, json: boolean): boolean {
  return isTty.stderr && !json && environment.TERM !== "dumb";
}

export function progressLine({ stderr, columns, monotonicMs }: CliIo): ProgressLine {
  let shown = false;
  let first: { readonly done: number; readonly atMs: number } | undefined;
  return {
    show(progress) {
      shown = true;
      const atMs = monotonicMs();
      first ??= { done: progress.done, atMs };
      const perMs =
        atMs - first.atMs < measuredMsMin ? 0 : (progress.done - first.done) / (atMs - first.atMs);
      const text = truncate(progressText(progress, perMs), Math.max(1, columns - 1));
      // Not awaited, and its failure is of no matter: a lost progress line must not fail the call.
      stderr.write(`\r\x1b[K${text}`).catch(() => {});
    },
    async clear() {
      if (!shown) return;
      shown = false;
      await stderr.write("\r\x1b[K").catch(() => {});
    },
  };
}

/** The same chunks; the line says how many of them went by. */
export async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  total: number | undefined,
  line: ProgressLine,
): AsyncGenerator<Uint8Array, void> {
  let [done, next] = [0, chunkStep];
  for await (const chunk of chunks) {
    yield chunk;
    done += chunk.length;
    if (done < next) continue;
    next = done + chunkStep;
    line.show({ done, unit: "bytes", ...(total === undefined ? {} : { total }) });
  }
}

/** @param perMs how fast it goes; 0: not known yet */
function progressText({ done, total, unit, note }: Progress, perMs: number): string {
  const count = (value: number) => (unit === "bytes" ? bytesText(value) : String(value));
  const named = unit === undefined || unit === "bytes" ? "" : ` ${unit}`;
  const known = total !== undefined && total > 0;
  const parts = [
    ...(known ? [`${bar(done / total)} ${Math.floor((done / total) * 100)} %`] : []),
    `${count(done)}${known ? ` of ${count(total)}` : ""}${named}`,
    ...(perMs > 0 && unit === "bytes" ? [`${bytesText(perMs * 1_000)}/s`] : []),
    ...(perMs > 0 && known ? [`${durationText(wholeSeconds((total - done) / perMs))} left`] : []),
  ];
  const text = `${parts.join("  ")}${note === undefined ? "" : `: ${note}`}`;
  return escapeControls(text).replaceAll("\n", " ");
}

/** Nobody reads milliseconds that go by. */
function wholeSeconds(ms: number): number {
  return Math.ceil(Math.max(0, ms) / 1_000) * 1_000;
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * barWidth);
  return `[${"#".repeat(full)}${"-".repeat(barWidth - full)}]`;
}
