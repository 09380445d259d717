/** The search of disks and of what is none, with workers that are no threads: so each of their steps is seen. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Access, Backend } from "../../modules/fs/backend.ts";
import { isWithin } from "../../modules/fs/file-path.ts";
import { LocalBackend } from "../../modules/fs/local/local-backend.ts";
import { Crew } from "../../modules/fs/search/crew.ts";
import { SearchWork } from "../../modules/fs/search/search-work.ts";
import { type MakeLine, SearchWorker } from "../../modules/fs/search/search-worker.ts";
import { type SearchInput, searched } from "../../modules/fs/search/searching.ts";
import { systemClock } from "../../src/platform/clock.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-search-")));
afterAll(() => rmSync(folder, { recursive: true }));

const put = (name: string, content: string | Uint8Array) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
};
beforeAll(() => {
  put("a.md", "needle here\nand hay\n");
  put("b/one.ts", "// hay\nconst needle = 1;\n");
  put("b/skip.log", "needle in a log\n");
  put("b/.gitignore", "*.log\n!keep.log\nbuilt/\n");
  put("b/keep.log", "needle kept\n");
  put("b/built/out.ts", "needle built\n");
  put("b/c/.ignore", "one.ts\n");
  put("b/c/one.ts", "needle deeper\n");
  put("b/c/two.ts", "needle deeper\n");
  put("d/.hidden", "needle hidden\n");
  put("d/wide", Buffer.from("\ufeffneedle wide\n", "utf16le"));
  put("d/empty", "");
  put("program", Buffer.from("needle\0"));
  put("own/key", "needle of the node\n");
  for (let at = 0; at < 700; at++) put(`many/${String(at).padStart(3, "0")}`, `${at}\nneedle ${at}\n`);
  put("long", "needle and more of it\n".repeat(30_000));
  put(Buffer.from("z\u00e4").toString(), "needle in the last\n");
  symlinkSync("/etc", join(folder, "link"));
});

/** Answers in a later turn, as a thread does. */
const atHand: MakeLine = (heard) => {
  const work = new SearchWork();
  return { send: (request) => void setImmediate(() => heard(work.answered(request))), end: () => {} };
};

const clock = systemClock();
const machine = new LocalBackend({
  root: "",
  refused: [join(folder, "own")],
  writable: false,
  tag: "test",
  random: (count) => new Uint8Array(count),
});
/** As memory, archives and buckets are: no worker can open what is in it. */
const noDisk: Backend = new Proxy(machine, {
  get(target, name) {
    if (name === "hostPath") return undefined;
    const value = Reflect.get(target, name);
    return typeof value === "function" ? value.bind(target) : value;
  },
});

const all: Access = { unlimited: true, allows: () => true, check: () => {} };
const only = (allows: (path: string) => boolean): Access => ({
  unlimited: false,
  allows,
  check(path) {
    if (!allows(path)) throw new Error(`no right to ${path}`);
  },
});

const usual: SearchInput = {
  ...{
    pattern: "needle",
    fixed: false,
    ignoreCase: false,
    smartCase: false,
    word: false,
    before: 0,
    after: 0,
  },
  ...{ perFileMax: 100_000, limit: 100_000, fileBytesMax: 1_000_000_000 },
  ...{ glob: [], hidden: false, ignoreFiles: true },
};

interface How {
  readonly backend?: Backend;
  readonly access?: Access;
  readonly path?: string;
  readonly signal?: AbortSignal;
}

async function found(more: Partial<SearchInput> = {}, how: How = {}) {
  const { backend = machine, access = all, path = folder, signal = new AbortController().signal } = how;
  const crew = new Crew(clock, () => new SearchWorker(atHand));
  await using _ = { [Symbol.asyncDispose]: async () => crew.close() };
  const place = { backend, access, path, shown: (inner: string) => inner };
  const caller = { kind: "owner", id: "owner", name: "owner" } as const;
  const ports = { crew, clock, caller, signal, progress: () => {}, stuckMs: 60_000 };
  const items = await Array.fromAsync(searched(place, { ...usual, ...more }, ports));
  const lines = items.flatMap((item) =>
    "path" in item ? [`${item.path.slice(folder.length + 1)}:${item.line}`] : [],
  );
  const [last] = items.slice(-1);
  if (last === undefined || !("summary" in last)) throw new Error("the last item is the summary");
  const { durationMs, ...summary } = last.summary;
  return { lines, summary };
}

const notMany = ["!many", "!long"];

test("a disk, and what is none, give the same in the same order", async () => {
  const disk = await found({ glob: notMany });
  expect(disk.lines).toEqual([
    ...["a.md:1", "z\u00e4:1", "b/keep.log:1", "b/one.ts:2", "b/c/two.ts:1", "d/wide:1"],
  ]);
  expect(disk.summary).toMatchObject({ matches: 6, skipped: 1, limited: false });
  for (const more of [
    ...[{ glob: notMany }, {}, { hidden: true }, { ignoreFiles: false }, { glob: ["*.ts", "!two.ts"] }],
    ...[{ pattern: "nothing at all" }, { pattern: "NEEDLE", ignoreCase: true }, { fileBytesMax: 12 }],
    ...[
      { pattern: "needle", smartCase: true, word: true, before: 1, after: 1 },
      { pattern: "^needle \\d+$" },
    ],
  ])
    expect(await found({ glob: notMany, ...more }, { backend: noDisk })).toEqual(
      await found({ glob: notMany, ...more }),
    );
});

test("every file of a large directory is searched once, and a large answer comes in parts", async () => {
  const { lines, summary } = await found();
  expect(lines.filter((one) => one.startsWith("many/"))).toEqual(
    Array.from({ length: 700 }, (_, at) => `many/${String(at).padStart(3, "0")}:2`),
  );
  expect(lines.filter((one) => one.startsWith("long:"))).toHaveLength(30_000);
  expect(summary.matches).toBe(30_706);
});

test("a limit ends a search, and says whether there is more", async () => {
  for (const backend of [machine, noDisk]) {
    expect(await found({ limit: 10 }, { backend })).toMatchObject({
      lines: { length: 10 },
      summary: { matches: 10, limited: true },
    });
    const path = join(folder, "a.md");
    expect(await found({ limit: 1 }, { backend, path })).toMatchObject({
      lines: ["a.md:1"],
      summary: { files: 1, limited: false },
    });
    expect((await found({ perFileMax: 2, glob: ["long"] }, { backend })).summary).toMatchObject({
      matches: 2,
      limited: true,
    });
  }
});

test("what the caller has no right to is neither searched nor obeyed, file by file", async () => {
  const some = only((path) => isWithin(path, folder) && !/\/(b\/c|one\.ts|\.gitignore)/.test(path));
  for (const backend of [machine, noDisk]) {
    const { lines } = await found({ glob: ["b/**", "*.md"] }, { backend, access: some });
    expect(lines).toEqual(["a.md:1", "b/keep.log:1", "b/skip.log:1", "b/built/out.ts:1"]);
  }
});

test("the node's own files are nobody's, not even for the owner", async () => {
  for (const backend of [machine, noDisk])
    expect((await found({ pattern: "of the node" }, { backend })).lines).toEqual([]);
});

test("files right in a directory are searched unasked only where each of them may be read", () => {
  expect(machine.givesFilesIn(all, join(folder, "b"))).toBe(true);
  expect(machine.givesFilesIn(all, folder)).toBe(false);
  expect(machine.givesFilesIn(all, join(folder, "own"))).toBe(false);
  expect(
    machine.givesFilesIn(
      only(() => true),
      join(folder, "b"),
    ),
  ).toBe(false);
});

test("what cannot be listed or read is passed over, but where the search begins it is said", async () => {
  mkdirSync(join(folder, "gone"));
  const vanishing: Backend = new Proxy(noDisk, {
    get(target, name) {
      if (name !== "names" && name !== "open") return Reflect.get(target, name);
      return (access: Access, path: string, signal: AbortSignal) =>
        target[name](access, /gone$|a\.md$/.test(path) ? `${path}-not` : path, signal);
    },
  });
  expect(await found({ glob: notMany }, { backend: vanishing })).toMatchObject({
    lines: { length: 5 },
    summary: { skipped: 2 },
  });
  const path = join(folder, "no");
  await expect(found({}, { path })).rejects.toMatchObject({ code: "not_found" });
  await expect(found({}, { path: "/dev/null" })).rejects.toMatchObject({ code: "conflict" });
  rmSync(join(folder, "gone"), { recursive: true });
});

test("a bad pattern is refused, and a search that is not wanted any more ends", async () => {
  for (const backend of [machine, noDisk]) {
    await expect(found({ pattern: "(" }, { backend })).rejects.toMatchObject({ code: "invalid_input" });
    const gone = AbortSignal.abort(new Error("gone"));
    await expect(found({}, { backend, signal: gone })).rejects.toThrow("gone");
  }
});

test("a thread that makes no step is given up, with what it was at", async () => {
  const crew = new Crew(clock, () => new SearchWorker(silentAfterBegin));
  const place = { backend: machine, access: all, path: folder, shown: (inner: string) => inner };
  const caller = { kind: "owner", id: "owner", name: "owner" } as const;
  const signal = new AbortController().signal;
  const search = searched(place, usual, { crew, clock, caller, signal, progress: () => {}, stuckMs: 50 });
  await expect(search.next()).rejects.toMatchObject({
    code: "deadline",
    message: expect.stringContaining(`"${folder}"`),
  });
  crew.close();
});

const silentAfterBegin: MakeLine = (heard) => ({
  send: ({ kind }) => void (kind === "begin" && setImmediate(() => heard({ kind: "ready" }))),
  end: () => {},
});

test("there are no more searches at once than the node can bear, and fewer of one caller", () => {
  const crew = new Crew(clock, () => new SearchWorker(atHand));
  const hired = ["a", "a", "a", "a"].map((caller) => crew.hire(caller, false));
  expect(() => crew.hire("a", false)).toThrow("at most 6, and 4 of one caller");
  hired.push(crew.hire("b", false), crew.hire("a", true));
  expect(() => crew.hire("c", true)).toThrow("wait for one to end");
  crew.giveBack("b", hired[4] ?? []);
  const again = crew.hire("c", false);
  expect(again[0]).toBe(hired[4]?.at(-1));
  crew.close();
});

test("a thread that fails fails the search, and whoever asks it later", async () => {
  let fail = (_: string) => {};
  const worker = new SearchWorker((_, failed) => {
    fail = failed;
    return { send: () => {}, end: () => {} };
  });
  const asked = worker.ask({ kind: "forget", file: 1 });
  fail("out of memory");
  await expect(asked).rejects.toMatchObject({
    code: "internal",
    message: expect.stringContaining("out of memory"),
  });
  await expect(worker.ask({ kind: "forget", file: 1 })).rejects.toMatchObject({ code: "internal" });
});

test("a name that is no UTF-8, or longer than others, is searched like any", async () => {
  const odd = Buffer.concat([Buffer.from(`${folder}/odd/`), Buffer.from([0xe9]), Buffer.from("t\u00e9")]);
  mkdirSync(join(folder, "odd"));
  writeFileSync(odd, "needle");
  writeFileSync(join(folder, "odd", "\u20ac".repeat(80)), "needle");
  const { lines } = await found({ glob: ["odd/*"] });
  expect(lines).toEqual([`odd/${"\u20ac".repeat(80)}:1`, "odd/\uf7e9t\u00e9:1"]);
  rmSync(join(folder, "odd"), { recursive: true });
});

test("what became a link since it was listed is not opened, be it the file or a directory on the way", () => {
  mkdirSync(join(folder, "turned"));
  symlinkSync(join(folder, "a.md"), join(folder, "turned/file"));
  symlinkSync(join(folder, "b"), join(folder, "turned/directory"));
  const work = new SearchWork();
  const { hidden, ignoreFiles, glob, smartCase, ...query } = usual;
  const begin = { query, selection: { hidden, ignoreFiles, glob }, root: folder, own: [] };
  work.answered({ kind: "begin", signals: new Int32Array(new SharedArrayBuffer(64)), ...begin });
  const groups = [
    { directory: join(folder, "turned"), names: ["file"] },
    { directory: join(folder, "turned/directory"), names: ["one.ts"] },
    { directory: join(folder, "turned/directory/c"), names: ["two.ts"] },
  ];
  expect(work.answered({ kind: "scan", groups })).toMatchObject({
    results: [],
    counts: { files: 0, skipped: 3 },
  });
  const directories = groups
    .slice(1)
    .map(({ directory: path }) => ({ path, obeys: false, rules: 0, scans: true }));
  expect(work.answered({ kind: "list", directories, rules: [] })).toMatchObject({
    listed: [undefined, undefined],
  });
  rmSync(join(folder, "turned"), { recursive: true });
});

test("a worker refuses what it was not told enough for", () => {
  const work = new SearchWork();
  expect(work.answered({ kind: "forget", file: 1 })).toMatchObject({ kind: "refused", code: "internal" });
});

test("a directory without the right to list it is passed over", async () => {
  put("shut/x", "needle");
  chmodSync(join(folder, "shut"), 0o000);
  const { lines } = await found({ glob: ["a.md", "shut/x"] });
  chmodSync(join(folder, "shut"), 0o755);
  // Root may list it all the same.
  expect(lines[0]).toBe("a.md:1");
  rmSync(join(folder, "shut"), { recursive: true });
});
