import { afterEach, expect, test } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { systemClock } from "../../../src/platform/clock.ts";
import { LocalBackend } from "../local/local-backend.ts";
import { bytesOfName, textOfName } from "../name-text.ts";
import type { HintSink, OpenHints } from "./hints.ts";
import { portableHints, systemHints } from "./hints.ts";
import type { Step } from "./settling.ts";
import { type Told, type WatchOptions, watchTree } from "./watch.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  // Thousands of folders, on a busy machine.
}, 60_000);

function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-watch-")));
  folders.push(folder);
  return folder;
}

interface Watch extends AsyncDisposable {
  /** Paths, each with whether it is a directory, as the steps say. */
  readonly copy: Map<string, boolean>;
  readonly told: Told[];
  /** Reads on until that is so. */
  until(isSo: () => boolean): Promise<void>;
}

async function watched(host: string, more: Partial<WatchOptions> = {}): Promise<Watch> {
  const backend = new LocalBackend({
    root: "",
    refused: [],
    tag: "test",
    writable: false,
    random: (n) => new Uint8Array(n),
  });
  const access = { check() {}, allows: () => true, unlimited: true };
  const controller = new AbortController();
  const items = watchTree({
    ...{ host, recursive: true, ignoreFiles: false, debounceMs: 1, initial: true, listsInside: false },
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
  const copy = new Map<string, boolean>();
  const told: Told[] = [];
  const until = async (isSo: () => boolean) => {
    while (!isSo()) {
      const next = await items.next();
      if (next.done === true) throw new Error("the watch ended");
      told.push(next.value);
      if ("steps" in next.value) for (const step of next.value.steps) apply(copy, step);
    }
  };
  await until(() => told.some((one) => "ready" in one));
  return {
    ...{ copy, told, until },
    async [Symbol.asyncDispose]() {
      controller.abort();
      await items.return();
    },
  };
}

function apply(copy: Map<string, boolean>, step: Step): void {
  const within = (path: string) => [...copy].filter(([one]) => one === path || one.startsWith(`${path}/`));
  if (step.kind === "removed") {
    expect(copy.has(step.path)).toBe(true);
    for (const [one] of within(step.path)) copy.delete(one);
  } else if (step.kind === "renamed") {
    const moved = within(step.from);
    expect(moved).not.toEqual([]);
    for (const [one] of moved) copy.delete(one);
    copy.delete(step.path);
    for (const [one, isFolder] of moved) copy.set(step.path + one.slice(step.from.length), isFolder);
  } else copy.set(step.path, step.facts.kind === "directory");
}

function disk(folder: string): Map<string, boolean> {
  const found = new Map<string, boolean>();
  const enter = (path: Buffer, above: string) => {
    for (const bytes of readdirSync(path, { encoding: "buffer" })) {
      const relative = textOfName(bytes);
      const inner = above === "" ? relative : `${above}/${relative}`;
      const whole = Buffer.concat([path, Buffer.from("/"), bytes]);
      const isFolder = lstatSync(whole).isDirectory();
      found.set(inner, isFolder);
      if (isFolder) enter(whole, inner);
    }
  };
  enter(Buffer.from(folder), "");
  return found;
}

const sorted = (paths: Map<string, boolean>) => [...paths].toSorted(([a], [b]) => (a < b ? -1 : 1));
const isEqual = (watch: Watch, host: string) => Bun.deepEquals(sorted(watch.copy), sorted(disk(host)));

/** Names of all kinds, few enough to meet each other. */
const name = fc.constantFrom("a", "b", "c d", "ü", "u\u0308", "日本", "\uf7ff\uf7fe", ".x");
const path = fc.array(name, { minLength: 1, maxLength: 4 });
const act = fc.record({
  what: fc.constantFrom("mkdir", "write", "move", "move", "remove", "link", "tree", "trade"),
  from: path,
  to: path,
});

function perform(host: string, { what, from, to }: { what: string; from: string[]; to: string[] }): void {
  const at = (names: string[]) => Buffer.concat([Buffer.from(`${host}/`), bytesOfName(names.join("/"))]);
  try {
    if (what === "mkdir") mkdirSync(at(from));
    if (what === "write") writeFileSync(at(from), "x");
    if (what === "move") renameSync(at(from), at(to));
    if (what === "remove") rmSync(at(from), { recursive: true });
    if (what === "link") symlinkSync(host, at(from));
    if (what === "tree")
      for (let depth = 1; depth <= from.length; depth += 1) mkdirSync(at(from.slice(0, depth)));
    if (what === "trade") {
      renameSync(at(from), at(["spare"]));
      renameSync(at(to), at(from));
      renameSync(at(["spare"]), at(to));
    }
  } catch {
    // What is not possible now is no storm either.
  }
}

async function weathers(more: Partial<WatchOptions>, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(act, { maxLength: 25 }), { maxLength: 5 }), async (storms) => {
      const host = newFolder();
      await using watch = await watched(host, more);
      for (const acts of storms) {
        for (const one of acts) perform(host, one);
        // A turn of the loop: some of it is read while the rest is still to come.
        await new Promise((resolve) => setImmediate(resolve));
      }
      await watch.until(() => isEqual(watch, host));
    }),
    { numRuns: runs },
  );
}

test("a copy that follows the steps is the tree, whatever storm went through it", async () => {
  await weathers({}, 60);
}, 60_000);

test("it is so too when hints are lost and all is compared", async () => {
  // Every third hint is lost, and only that something was lost is told.
  const losing: OpenHints = (root, host, sink) => {
    let count = 0;
    const lossy: HintSink = {
      entry: (...hint) => (++count % 3 === 0 ? sink.everything("lost") : sink.entry(...hint)),
      directory: (directory) => sink.directory(directory),
      everything: (reason) => sink.everything(reason),
      blind: (reason) => sink.blind(reason),
    };
    return systemHints(root, host, lossy);
  };
  await weathers({ openHints: losing }, 30);
  await weathers({ namesMax: 2 }, 30);
}, 60_000);

test("a storm of thousands of nested folders is told of wholly while it blows", async () => {
  const host = newFolder();
  await using watch = await watched(host);
  for (let round = 0; round < 40; round += 1) {
    for (let at = 0; at < 50; at += 1)
      mkdirSync(join(host, `r${round}`, `d${at}`, "in"), { recursive: true });
    if (round % 4 === 1) renameSync(join(host, `r${round}`), join(host, `r${round - 1}`, "moved"));
    if (round % 4 === 3) rmSync(join(host, `r${round}`), { recursive: true });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await watch.until(() => isEqual(watch, host));
}, 30_000);

test("a folder that is renamed is one step, also when files lie in it", async () => {
  const host = newFolder();
  mkdirSync(join(host, "old", "in"), { recursive: true });
  writeFileSync(join(host, "old", "in", "a"), "x");
  await using watch = await watched(host);
  renameSync(join(host, "old"), join(host, "new"));
  await watch.until(() => watch.copy.has("new/in/a"));
  const steps = watch.told
    .flatMap((one) => ("steps" in one ? one.steps : []))
    .filter(({ kind }) => kind !== "created");
  expect(steps).toEqual([expect.objectContaining({ kind: "renamed", from: "old", path: "new" })]);
  // And what happens in it goes on being heard.
  writeFileSync(join(host, "new", "in", "b"), "x");
  await watch.until(() => watch.copy.has("new/in/b"));
});

test("bytes that changed within one tick of the file's clock are told of", async () => {
  const host = newFolder();
  writeFileSync(join(host, "a"), "1");
  await using watch = await watched(host);
  for (const text of ["2", "3", "4"]) {
    const count = watch.told.length;
    writeFileSync(join(host, "a"), text);
    await watch.until(() => watch.told.length > count);
  }
});

test("the watch ends, and says why, when its folder is removed or renamed", async () => {
  for (const end of [
    (host: string) => rmSync(host, { recursive: true }),
    (host: string) => renameSync(host, `${host}-2`),
  ]) {
    const host = newFolder();
    folders.push(`${host}-2`);
    mkdirSync(join(host, "a"));
    await using watch = await watched(host);
    end(host);
    await watch.until(() => watch.told.some((one) => "ended" in one));
  }
});

test("ignore files leave out, and what they say may change", async () => {
  const host = newFolder();
  for (const folder of ["build", "src", ".git"]) {
    mkdirSync(join(host, folder));
    writeFileSync(join(host, folder, "a"), "x");
  }
  writeFileSync(join(host, ".gitignore"), "build\n");
  await using watch = await watched(host, { ignoreFiles: true });
  expect([...watch.copy.keys()].toSorted()).toEqual([".gitignore", "src", "src/a"]);
  writeFileSync(join(host, ".gitignore"), "src\n");
  await watch.until(() => watch.copy.has("build/a") && !watch.copy.has("src"));
  expect([...watch.copy.keys()].some((one) => one.startsWith(".git/"))).toBe(false);
});

test("a link is told of and never followed, also when it takes the place of a folder", async () => {
  const [host, secret] = [newFolder(), newFolder()];
  writeFileSync(join(secret, "key"), "x");
  mkdirSync(join(host, "in"));
  await using watch = await watched(host);
  for (let round = 0; round < 50; round += 1) {
    renameSync(join(host, "in"), join(host, "out"));
    symlinkSync(secret, join(host, "in"));
    writeFileSync(join(secret, `key${round}`), "x");
    await new Promise((resolve) => setImmediate(resolve));
    rmSync(join(host, "in"));
    renameSync(join(host, "out"), join(host, "in"));
  }
  writeFileSync(join(host, "last"), "");
  await watch.until(() => watch.copy.has("last") && isEqual(watch, host));
  expect(JSON.stringify(watch.told)).not.toContain("key");
});

test("the hints of systems that watch a tree themselves lead to the same", async () => {
  const host = newFolder();
  mkdirSync(join(host, "deep"));
  await using watch = await watched(host, { openHints: portableHints });
  for (const act of [
    () => writeFileSync(join(host, "deep", "a"), "1"),
    () => writeFileSync(join(host, "b"), "1"),
    () => renameSync(join(host, "b"), join(host, "c")),
    () => rmSync(join(host, "deep", "a")),
    () => rmSync(join(host, "c")),
  ]) {
    act();
    await watch.until(() => isEqual(watch, host));
  }
});
