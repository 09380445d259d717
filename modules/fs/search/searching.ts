/** Searches the files below a path: the walk here, the scanning on threads, the matches in the order of the paths. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Progress } from "../../../src/kernel/operation.ts";
import { joined } from "../file-path.ts";
import { IgnoreRules } from "../ignore-files.ts";
import { entryProgress } from "../progress-steps.ts";
import { entryAt } from "../state.ts";
import type { Place } from "../tree.ts";
import { byName } from "../walk.ts";
import { LineSearch, type Query } from "./line-search.ts";
import type { ScanResult } from "./scan-protocol.ts";
import { Scanners } from "./scanners.ts";

export interface SearchInput extends Query {
  readonly glob: readonly string[];
  readonly hidden: boolean;
  readonly ignoreFiles: boolean;
  readonly limit: number;
  readonly fileBytesMax: number;
}

/** Files that go to a thread together. */
const batchMax = 64;
const depthMax = 256;

export async function* searched(
  place: Place,
  input: SearchInput,
  signal: AbortSignal,
  progress: (progress: Progress) => void,
) {
  // Refused before any thread is made.
  new LineSearch(input);
  const { backend } = place;
  if (backend.hostPath === undefined) {
    throw new OperoneError(
      "unsupported",
      `"${place.shown(place.path)}" is not on this machine's disk, and only that is searched`,
    );
  }
  const began = performance.now();
  const told = entryProgress(progress);
  const sum = { files: 0, bytes: 0, skipped: 0, matches: 0 };
  let limited = false;
  using scanners = new Scanners(input, input.fileBytesMax);
  const batches = batchesOf(filesOf(place, input, signal));
  results: for await (const { paths, result } of inOrder(
    batches,
    scanners,
    (path) => backend.hostPath?.(path) ?? path,
  )) {
    signal.throwIfAborted();
    sum.files += result.files;
    sum.bytes += result.bytes;
    sum.skipped += result.skipped;
    told(sum.files);
    for (const { at, matches } of result.found) {
      for (const { before, after, ...match } of matches) {
        limited = sum.matches === input.limit;
        if (limited) break results;
        sum.matches += 1;
        const path = place.shown(paths[at] ?? "");
        yield { path, ...match, before: [...before], after: [...after] };
      }
    }
  }
  yield { summary: { ...sum, limited, durationMs: Math.round(performance.now() - began) } };
}

async function* filesOf(place: Place, input: SearchInput, signal: AbortSignal): AsyncGenerator<string, void> {
  const entry = await entryAt(place);
  if (entry.kind !== "directory") {
    yield entry.path;
    return;
  }
  const globs = input.glob.map((text) => new Bun.Glob(text.includes("/") ? text : `**/${text}`));
  const isWanted = (relative: string) => globs.length === 0 || globs.some((glob) => glob.match(relative));
  const top = { path: entry.path, relative: "", rules: new IgnoreRules(), depth: 0 };
  const folders = [top];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const { path, depth } = folder;
    const found = await namesIn(place, path, path === top.path, signal);
    const given = new Set(found.map(({ name }) => name));
    const rules = input.ignoreFiles
      ? await folder.rules.within(place, path, folder.relative, given, signal)
      : folder.rules;
    const deeper: (typeof folders)[number][] = [];
    for (const { name, kind } of found) {
      const relative = folder.relative === "" ? name : `${folder.relative}/${name}`;
      if (!input.hidden && name.startsWith(".")) continue;
      if (input.ignoreFiles && rules.ignores(relative, kind === "directory")) continue;
      if (kind === "file" && isWanted(relative)) yield joined(path, name);
      if (kind === "directory" && depth < depthMax)
        deeper.push({ path: joined(path, name), relative, rules, depth: depth + 1 });
    }
    folders.push(...deeper.toReversed());
  }
}

/** Only where the search begins a failure is the caller's business. */
async function namesIn({ backend, access }: Place, path: string, isTop: boolean, signal: AbortSignal) {
  try {
    const all = (await Array.fromAsync(backend.names(access, path, signal))).flat();
    return all.sort((a, b) => byName(a.name, b.name));
  } catch (error) {
    if (isTop || signal.aborted) throw error;
    return [];
  }
}

async function* batchesOf(files: AsyncIterable<string>): AsyncGenerator<readonly string[], void> {
  let batch: string[] = [];
  for await (const path of files) {
    batch.push(path);
    // The first ones go at once: a person waits for the first match.
    if (batch.length < batchMax) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

interface Scanned {
  readonly paths: readonly string[];
  readonly result: ScanResult;
}

/** As many at once as there is room for; they come out in the order in which they went in. */
async function* inOrder(
  batches: AsyncIterable<readonly string[]>,
  scanners: Scanners,
  host: (path: string) => string,
): AsyncGenerator<Scanned, void> {
  const running: Promise<Scanned>[] = [];
  for await (const paths of batches) {
    const scan = scanners.scan(paths.map(host)).then((result) => ({ paths, result }));
    // Whoever takes it sees the failure; until then it is nobody's.
    scan.catch(() => {});
    running.push(scan);
    const first = running.length >= scanners.width ? running.shift() : undefined;
    if (first !== undefined) yield await first;
  }
  for (const scan of running) yield await scan;
}
