/** A search of what no worker can open by itself (memory, archives, buckets, other nodes): its bytes are fed to them. */
import { OperoneError } from "../../../src/kernel/error.ts";
import { joined } from "../file-path.ts";
import { IgnoreRules } from "../ignore-files.ts";
import type { SearchWorker } from "./search-worker.ts";
import type { FoundFile, Hits, Search } from "./searching.ts";
import { Selected } from "./selected.ts";
import { WorkerWatch } from "./worker-watch.ts";
import type { Answer } from "./worker-wire.ts";

const depthMax = 256;
/** Files that are open at once: of a bucket or another node, each has a way to go. */
const filesMax = 8;

type Scanned = Answer & { readonly kind: "scanned" };
const skipped: Scanned = {
  kind: "scanned",
  results: [],
  done: 1,
  counts: { files: 0, bytes: 0, skipped: 1 },
};

/** @param root real, of the backend, with its kind */
export async function* fedSearch(
  search: Search,
  root: { readonly path: string; readonly kind: string },
): AsyncGenerator<Hits, void> {
  const { workers, query, selection } = search;
  await Promise.all(workers.map((worker) => worker.begin({ query, selection, root: "/", own: [] })));
  using _ = new WorkerWatch(search.clock, workers, search.stuckMs);
  const ended = new AbortController();
  const signal = AbortSignal.any([search.signal, ended.signal]);
  const running: Promise<readonly FoundFile[]>[] = [];
  let count = 0;
  try {
    for await (const path of paths({ ...search, signal }, root)) {
      const file = scanned({ ...search, signal }, path, count++);
      // Whoever takes it sees the failure; until then it is nobody's.
      file.catch(() => {});
      running.push(file);
      const first = running.length >= filesMax ? running.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    while (running.length > 0) yield (await running.shift()) ?? [];
  } finally {
    ended.abort();
    await Promise.allSettled(running);
    for (const worker of workers) worker.stop();
  }
}

/** The files of a directory, then those of its directories, each in the order of their names' code units. */
async function* paths(
  search: Search,
  root: { readonly path: string; readonly kind: string },
): AsyncGenerator<string, void> {
  if (root.kind !== "directory") {
    yield root.path;
    return;
  }
  const { place, selection, signal } = search;
  const selected = new Selected(selection);
  const folders = [{ path: root.path, relative: "", rules: new IgnoreRules(), depth: 0 }];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const { path, depth, relative } = folder;
    const found = await namesIn(search, path, depth === 0);
    const given = new Set(found.map(({ name }) => name));
    const rules = selection.ignoreFiles
      ? await folder.rules.within(place, path, relative, given, signal)
      : folder.rules;
    const below = (name: string) => (relative === "" ? name : `${relative}/${name}`);
    for (const { name, kind } of found)
      if (kind === "file" && selected.file(rules, below(name), name)) yield joined(path, name);
    const deeper = found.filter(
      ({ name, kind }) =>
        kind === "directory" && depth < depthMax && selected.directory(rules, below(name), name),
    );
    for (const { name } of deeper.toReversed())
      folders.push({ path: joined(path, name), relative: below(name), rules, depth: depth + 1 });
  }
}

/** Only where the search begins a failure is the caller's business. */
async function namesIn({ place: { backend, access }, signal }: Search, path: string, isTop: boolean) {
  try {
    const all = (await Array.fromAsync(backend.names(access, path, signal))).flat();
    return all.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  } catch (error) {
    if (isTop || signal.aborted) throw error;
    return [];
  }
}

async function scanned(search: Search, path: string, file: number): Promise<readonly FoundFile[]> {
  const { signal, workers } = search;
  signal.throwIfAborted();
  const worker = workers[file % workers.length];
  if (worker === undefined) throw new Error("a search has a worker");
  const answer = await fed(search, worker, path, file).catch((error) => {
    // What went away, or may not be read, is passed over; a worker that is gone ends the search.
    if (signal.aborted || worker.gone || !(error instanceof OperoneError)) throw error;
    return skipped;
  });
  search.count(answer.counts);
  return answer.results.map((outcome) => ({ path, outcome }));
}

async function fed({ place, query, signal }: Search, worker: SearchWorker, path: string, file: number) {
  await using opened = await place.backend.open(place.access, path);
  const { sizeBytes } = opened.entry;
  if (sizeBytes > query.fileBytesMax) return skipped;
  let sent = 0;
  try {
    for await (const chunk of opened.read(signal)) {
      sent += chunk.length;
      const isLast = sizeBytes > 0 && sent >= sizeBytes;
      const answer = await worker.ask({ kind: "piece", file, chunk, isLast });
      if (answer.kind === "scanned") return answer;
    }
  } catch (error) {
    if (!worker.gone) await worker.ask({ kind: "forget", file });
    throw error;
  }
  const answer = await worker.ask({ kind: "piece", file, chunk: new Uint8Array(), isLast: true });
  return answer.kind === "scanned" ? answer : skipped;
}
