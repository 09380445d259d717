import { afterEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import type { Backend } from "./backend.ts";
import { LocalBackend } from "./local/local-backend.ts";
import { MemoryBackend } from "./memory/memory-backend.ts";
import type { MountContext, MountKind, OpenedKind } from "./mount-kind.ts";
import { mountKinds } from "./mounts/kinds.ts";
import { Mounts, ownerAccess } from "./mounts.ts";
import { MountStore } from "./store.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-mounts-")));
const files: string[] = [];
afterEach(() => {
  for (const path of files.splice(0)) rmSync(path, { recursive: true, force: true });
});

const nobody = {
  authority: { sets: [], check: () => {}, decide: () => "allow" as const },
  call: async () => {
    throw new OperoneError("unavailable", "no other node");
  },
};

const random = (count: number) => new Uint8Array(count);
const local = (root: string) =>
  new LocalBackend({ root, refused: [], own: undefined, tag: "t", writable: true, random });

function memory(): Backend {
  return new MemoryBackend({ bytesMax: 1e6, entriesMax: 100, nowMs: () => 1, random });
}

/** A node's mounts, over a file that stays when the node goes. */
function nodeWith(path: string, kinds: readonly MountKind[] = mountKinds) {
  const clock = simulatedClock();
  const store = new MountStore(path);
  const contexts: MountContext[] = [];
  const mounts = new Mounts({
    clock,
    kinds,
    store: async () => store,
    cache: async () => undefined,
    context({ name, readOnly }, signal) {
      const context: MountContext = {
        ...{ name, readOnly, signal, random, clock },
        machine: local(""),
        folder: local,
        nowMs: () => clock.nowMs(),
        secret: async (secret) => new TextEncoder().encode(secret),
      };
      contexts.push(context);
      return context;
    },
  });
  const stop = async () => {
    await mounts.close();
    store.close();
  };
  return { mounts, clock, store, contexts, stop };
}

function database(): string {
  const path = mkdtempSync(join(folder, "db-"));
  files.push(path);
  return join(path, "fs.db");
}

function docs(): string {
  const path = join(mkdtempSync(join(folder, "docs-")), "docs");
  mkdirSync(path);
  writeFileSync(join(path, "a"), "1");
  files.push(path);
  return path;
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: unknown) => (error instanceof OperoneError ? error.code : String(error)),
  );

const wanted = (name: string, kind: string, settings: Record<string, unknown> = {}) => ({
  ...{ name, kind, settings },
  readOnly: false,
});

test("mounts are there again after a restart, and what was in memory is not", async () => {
  const path = database();
  const first = nodeWith(path);
  const at = docs();
  await first.mounts.add(wanted("docs", "local", { path: at }), nobody);
  await first.mounts.add(wanted("scratch", "memory"), nobody);
  const scratch = await first.mounts.backend("scratch", nobody);
  await scratch.makeDirectory(ownerAccess, "/d");
  await first.stop();
  const second = nodeWith(path);
  expect((await second.mounts.all()).map(({ name }) => name)).toEqual(["docs", "scratch"]);
  const again = await second.mounts.backend("docs", nobody);
  expect(await again.stat(ownerAccess, "/a")).toMatchObject({ sizeBytes: 1 });
  const empty = await second.mounts.backend("scratch", nobody);
  expect(await empty.stat(ownerAccess, "/d")).toBeUndefined();
  await second.mounts.remove("docs", false);
  await second.stop();
  const third = nodeWith(path);
  expect((await third.mounts.all()).map(({ name }) => name)).toEqual(["scratch"]);
  await third.stop();
});

test("a folder that is away at the start is kept, says so, and is used when it is back", async () => {
  const path = database();
  const at = docs();
  const first = nodeWith(path);
  await first.mounts.add(wanted("docs", "local", { path: at }), nobody);
  await first.stop();
  renameSync(at, `${at}-away`);
  const { mounts, clock, stop } = nodeWith(path);
  expect(await codeOf(mounts.backend("docs", nobody))).toBe("unavailable");
  expect((await mounts.problem("docs", nobody))?.message).toContain(`operone fs unmount docs`);
  expect(await mounts.all()).toHaveLength(1);
  renameSync(`${at}-away`, at);
  // A moment later, so that a disk that is away is not asked by every call.
  expect(await codeOf(mounts.backend("docs", nobody))).toBe("unavailable");
  await clock.advance(1_001);
  expect(await codeOf(mounts.backend("docs", nobody))).toBe("done");
  expect(await mounts.problem("docs", nobody)).toBeUndefined();
  await stop();
});

test("what is mounted is where a link led then, and not where it leads later", async () => {
  const path = database();
  const first = nodeWith(path);
  const at = docs();
  symlinkSync(at, `${at}-link`);
  files.push(`${at}-link`);
  const made = await first.mounts.add(wanted("docs", "local", { path: `${at}-link` }), nobody);
  expect(made.settings).toMatchObject({ path: at });
  await first.stop();
});

test("a kind that this operone does not know is kept for one that does", async () => {
  const path = database();
  const { mounts, store, stop } = nodeWith(path);
  store.add({ name: "odd", kind: "tape", settings: "{}", readOnly: false, createdAtMs: 1 });
  expect(await codeOf(mounts.backend("odd", nobody))).toBe("unavailable");
  expect((await mounts.problem("odd", nobody))?.message).toContain('"tape"');
  expect(await codeOf(mounts.add(wanted("odd", "memory"), nobody))).toBe("conflict");
  expect(store.all()).toHaveLength(1);
  await mounts.remove("odd", false);
  await stop();
});

function kindThat(open: OpenedKind<object>["open"]): MountKind {
  return { id: "odd", summary: "A test's own", settings: v.strictObject({}), open };
}

test("what does not answer is given up after its time, and is told to stop", async () => {
  const path = database();
  const opening = Promise.withResolvers<void>();
  const late = Promise.withResolvers<Backend>();
  const hanging = kindThat(() => {
    opening.resolve();
    return late.promise;
  });
  const { mounts, clock, store, contexts, stop } = nodeWith(path, [hanging]);
  store.add({ name: "odd", kind: "odd", settings: "{}", readOnly: false, createdAtMs: 1 });
  const asked = codeOf(mounts.backend("odd", nobody));
  await opening.promise;
  await clock.advance(10_000);
  expect(await asked).toBe("unavailable");
  expect(contexts[0]?.signal.aborted).toBe(true);
  expect(await codeOf(mounts.add(wanted("odd", "odd"), nobody))).toBe("conflict");
  // What comes in the end is let go of.
  const closed = Promise.withResolvers<void>();
  const backend = memory();
  backend[Symbol.asyncDispose] = async () => closed.resolve();
  late.resolve(backend);
  await closed.promise;
  await stop();
});

test("what cannot be opened is not mounted, and what was opened for nothing is let go of", async () => {
  const path = database();
  let closed = 0;
  const broken = kindThat(async () => {
    const backend = memory();
    backend.stat = async () => undefined;
    backend[Symbol.asyncDispose] = async () => {
      closed += 1;
    };
    return backend;
  });
  const { mounts, store, stop } = nodeWith(path, [broken]);
  expect(await codeOf(mounts.add(wanted("odd", "odd"), nobody))).toBe("unavailable");
  expect(closed).toBe(1);
  expect(store.all()).toEqual([]);
  await stop();
});

test("a failure inside of a kind tells nobody what it was", async () => {
  const path = database();
  const failing = kindThat(async () => {
    throw new Error("key is hunter2");
  });
  const { mounts, store, stop } = nodeWith(path, [failing]);
  store.add({ name: "odd", kind: "odd", settings: "{}", readOnly: false, createdAtMs: 1 });
  const problem = await mounts.problem("odd", nobody);
  expect(problem?.code).toBe("unavailable");
  expect(problem?.message).not.toContain("hunter2");
  await stop();
});

test("there are so many mounts and no more", async () => {
  const path = database();
  const { mounts, store, stop } = nodeWith(path);
  for (let at = 0; at < 256; at += 1)
    store.add({ name: `m${at}`, kind: "memory", settings: "{}", readOnly: false, createdAtMs: 1 });
  expect(await codeOf(mounts.add(wanted("more", "memory"), nobody))).toBe("limited");
  await mounts.remove("m0", false);
  expect(await codeOf(mounts.add(wanted("more", "memory"), nobody))).toBe("done");
  await stop();
});

test("a store that cannot be opened is tried again", async () => {
  let tries = 0;
  const store = new MountStore(database());
  const mounts = new Mounts({
    clock: simulatedClock(),
    kinds: mountKinds,
    async store() {
      tries += 1;
      if (tries === 1) throw new OperoneError("unavailable", "the disk is full");
      return store;
    },
    cache: async () => undefined,
    context: () => {
      throw new Error("not asked for");
    },
  });
  expect(await codeOf(mounts.all())).toBe("unavailable");
  expect(await mounts.all()).toEqual([]);
  await mounts.close();
  store.close();
});
