import { afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperoneError } from "../../../src/kernel/error.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { openDirectoryQueue } from "../../../src/platform/inotify.ts";
import { LocalBackend } from "../local/local-backend.ts";
import { queueHints } from "./hints.ts";
import { type Told, type WatchOptions, watchTree } from "./watch.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-hints-")));
  folders.push(folder);
  return folder;
}

function watching(host: string, controller: AbortController, more: Partial<WatchOptions> = {}) {
  const random = (count: number) => new Uint8Array(count);
  const backend = new LocalBackend({ root: "", refused: [], tag: "test", writable: false, random });
  const access = { check() {}, allows: () => true, unlimited: true };
  return watchTree({
    ...{ host, recursive: true, ignoreFiles: false, debounceMs: 1, initial: false, listsInside: false },
    ...{
      gives: () => true,
      own: () => () => false,
      check() {},
      clock: systemClock(),
      signal: controller.signal,
    },
    place: { backend, access, path: host, shown: (path) => path },
    ...more,
  });
}

async function until(items: AsyncGenerator<Told, void>, isSo: (told: readonly Told[]) => boolean) {
  const told: Told[] = [];
  while (!isSo(told)) {
    const { value, done } = await items.next();
    if (done === true) throw new Error("the watch ended");
    told.push(value);
  }
  return told;
}

const paths = (told: readonly Told[]) =>
  told.flatMap((one) => ("steps" in one ? one.steps.map(({ path }) => path) : []));
/** Open in this process. */
const descriptors = () => readdirSync("/proc/self/fd").length;

test("more events than the system keeps are noticed, and nothing of what they led to is missing", async () => {
  const host = newFolder();
  const controller = new AbortController();
  const items = watching(host, controller);
  await until(items, (told) => told.some((one) => "ready" in one));
  // Nothing is read from the queue meanwhile: three events for each of these, and it keeps 16,384.
  const names = Array.from({ length: 8_000 }, (_, at) => `f${at}`);
  for (const name of names) writeFileSync(join(host, name), "x");
  const told = await until(items, (all) => paths(all).length >= names.length);
  expect(paths(told).toSorted()).toEqual(names.toSorted());
  expect(told.some((one) => "rescanned" in one)).toBe(true);
  controller.abort();
  await items.return();
}, 30_000);

test("where the system watches no more directories the tree is compared, and the reader is told", async () => {
  const host = newFolder();
  mkdirSync(join(host, "in"));
  for (const room of [0, 1]) {
    const openFull = () => {
      const queue = openDirectoryQueue();
      let left = room;
      return queue === undefined
        ? undefined
        : { ...queue, add: (path: string) => (left-- > 0 ? queue.add(path) : undefined) };
    };
    const controller = new AbortController();
    const items = watching(host, controller, {
      openHints: (root, _, sink) => queueHints(root, sink, openFull),
    });
    await until(items, (told) => told.some((one) => "ready" in one));
    writeFileSync(join(host, "in", `a${room}`), "x");
    const told = await until(items, (all) => paths(all).includes(`in/a${room}`));
    expect(told[0]).toEqual({ polling: expect.stringContaining("sysctl fs.inotify.max_user_watches") });
    controller.abort();
    await items.return();
  }
}, 30_000);

test("a watch that ends leaves no descriptor", async () => {
  const host = newFolder();
  const round = async () => {
    const controller = new AbortController();
    const items = watching(host, controller);
    await until(items, (told) => told.some((one) => "ready" in one));
    controller.abort();
    await items.next();
  };
  await round();
  const before = descriptors();
  for (let at = 0; at < 20; at += 1) await round();
  expect(descriptors()).toBeLessThan(before + 10);
});

test("a right that ends while it is watched ends the watch", async () => {
  const host = newFolder();
  let isGranted = true;
  const check = () => {
    if (!isGranted) throw new OperoneError("forbidden", "ended");
  };
  const items = watching(host, new AbortController(), { check });
  await until(items, (told) => told.some((one) => "ready" in one));
  isGranted = false;
  writeFileSync(join(host, "secret"), "x");
  await expect(items.next()).rejects.toThrow("ended");
});

test("more names than are kept refuse the watch", async () => {
  const host = newFolder();
  for (const name of ["a", "b", "c"]) writeFileSync(join(host, name), "");
  await expect(watching(host, new AbortController(), { entriesMax: 2 }).next()).rejects.toThrow(
    "more than 2",
  );
});
