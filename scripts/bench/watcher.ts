/** One watcher in one process, for scripts/bench/watch.ts. Prints what it measured as a line of JSON. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LocalBackend } from "../../modules/fs/local/local-backend.ts";
import { Watches } from "../../modules/fs/watch/watching.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { median } from "./rounds.ts";
import type { Watched, WatcherName } from "./watch.ts";

const [name, folder = ""] = process.argv.slice(2) as [WatcherName, string];
const events = 30;
const stormFiles = 5_000;
/** So long after the last event of a storm nothing more is expected. */
const stormQuietMs = 2_000;

/** @param heard told of each path; resolves when nothing is missed from now on */
type Start = (heard: (path: string) => void) => Promise<void>;

const starts: Readonly<Record<WatcherName, Start>> = {
  async operone(heard) {
    const backend = new LocalBackend({
      ...{ root: "", refused: [], writable: false, tag: "bench" },
      random: (count) => new Uint8Array(count),
    });
    const access = { allows: () => true, check: () => {}, unlimited: true };
    const place = { backend, access, path: folder, shown: (path: string) => path };
    const input = { patterns: [], recursive: true, ignoreFiles: true, debounceMs: 5, initial: false };
    const { signal } = new AbortController();
    const caller = { kind: "owner", id: "owner", name: "owner" } as const;
    const ready = Promise.withResolvers<void>();
    void (async () => {
      for await (const item of new Watches(systemClock()).watch(place, input, { caller, signal })) {
        if ("ready" in item) ready.resolve();
        else if ("changes" in item) for (const { path } of item.changes) heard(path);
      }
    })();
    await ready.promise;
  },
  async chokidar(heard) {
    const { watch } = await import("chokidar");
    const watcher = watch(folder, { ignoreInitial: true });
    watcher.on("all", (_, path) => heard(path));
    await new Promise<void>((resolve) => watcher.once("ready", () => resolve()));
  },
  async "@parcel/watcher"(heard) {
    const { default: parcel } = await import("@parcel/watcher");
    await parcel.subscribe(folder, (_, changes) => {
      for (const { path } of changes) heard(path);
    });
  },
};

let heard: (path: string) => void = () => {};
Bun.gc(true);
const beforeBytes = process.memoryUsage.rss();
const beganMs = performance.now();
await starts[name]((path) => heard(path));
const readyMs = performance.now() - beganMs;
const memoryMb = (process.memoryUsage.rss() - beforeBytes) / 1e6;

const times: number[] = [];
for (let at = 0; at < events; at++) {
  const path = join(folder, `d${at}`, "f1.txt");
  // An event of its own, and not one that is put together with the one before.
  await Bun.sleep(60);
  const atMs = performance.now();
  const told = new Promise<void>((resolve) => {
    heard = (one) => one === path && resolve();
  });
  writeFileSync(path, String(at));
  await told;
  times.push(performance.now() - atMs);
}

const storm = join(folder, "storm");
const missing = new Set<string>();
let lastMs = performance.now();
heard = (path) => {
  lastMs = performance.now();
  missing.delete(path);
};
for (let at = 0; at < stormFiles; at++) {
  const directory = join(storm, `d${at % 50}`);
  if (at < 50) mkdirSync(directory, { recursive: true });
  const path = join(directory, `f${at}`);
  missing.add(path);
  writeFileSync(path, "");
  if (at % 500 === 0) await Bun.sleep(0);
}
while (missing.size > 0 && performance.now() - lastMs < stormQuietMs) await Bun.sleep(20);
const missed = missing.size;
rmSync(storm, { recursive: true });

const result: Watched = { eventMs: median(times), readyMs, memoryMb, missed };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
