/** Events of a watched tree of 20,000 files, beside two well-known watchers, each in a process of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare, type Row } from "./rounds.ts";

const directories = 200;
const filesEach = 100;

export type WatcherName = "operone" | "chokidar" | "@parcel/watcher";

/** What one process measured. */
export interface Watched {
  readonly eventMs: number;
  readonly readyMs: number;
  /** Resident, more than before it watched. */
  readonly memoryMb: number;
  /** Of the files of a storm: those that were never told of. */
  readonly missed: number;
}

export async function watch(): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "operone-bench-watch-"));
  for (let at = 0; at < directories; at++) {
    mkdirSync(join(folder, `d${at}`));
    for (let file = 0; file < filesEach; file++) writeFileSync(join(folder, `d${at}`, `f${file}.txt`), "x");
  }
  const measured = new Map<WatcherName, Watched>();
  const run = (name: WatcherName, part: keyof Watched) => ({
    name: name === "operone" ? "fs.watch" : name,
    run: async () => {
      const child = Bun.spawn([process.execPath, join(import.meta.dir, "watcher.ts"), name, folder], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const told = JSON.parse(await child.stdout.text()) as Watched;
      measured.set(name, told);
      return told[part];
    },
  });
  const row = (what: string, unit: string, goal: string, part: keyof Watched, yardstick: WatcherName) =>
    compare({
      ...{ what, unit, goal, rounds: 3 },
      subject: run("operone", part),
      yardstick: run(yardstick, part),
    });
  const rows = [
    await row("watch 20,000 files: event", "ms", "< 10 ms", "eventMs", "chokidar"),
    await row("watch 20,000 files: event", "ms", "< 10 ms", "eventMs", "@parcel/watcher"),
    await row("watch 20,000 files: memory", "MB", "< 15 MB", "memoryMb", "chokidar"),
    await row("watch 20,000 files: memory", "MB", "< 15 MB", "memoryMb", "@parcel/watcher"),
    await row("watch 20,000 files: ready", "ms", "-", "readyMs", "chokidar"),
    await row("missed in a storm of 5,000 files", "files", "0", "missed", "@parcel/watcher"),
  ];
  rmSync(folder, { recursive: true });
  return rows;
}
