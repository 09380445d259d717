/** A search of the machine's disk: it says what the workers do, judges each path, and keeps the order. */
import { OperoneError } from "../../../src/kernel/error.ts";
import { joined, nameOf, parentOf } from "../file-path.ts";
import { ignoreFileNames } from "../ignore-files.ts";
import {
  type DirectorySlot,
  directorySlot,
  type FilesSlot,
  filesSlots,
  type Job,
  SlotQueue,
} from "./queue.ts";
import type { SearchWorker } from "./search-worker.ts";
import type { FoundFile, Hits, Search } from "./searching.ts";
import { WorkerWatch } from "./worker-watch.ts";
import type { Answer, FileResult, Listed, NamedResult, Rules } from "./worker-wire.ts";

const depthMax = 256;
/** Characters of results that wait to be taken, before workers do nothing but what is next. */
const waitingLengthMax = 4 * 1024 * 1024;
/** Tasks that a worker has at once, so that it need not wait for the next one. */
const tasksMax = 2;
const settleMs = 500;

/** What the backend says of its place on the machine. */
export interface Disk {
  /** The path of the machine. */
  host(path: string): string;
  /** Whether the caller gets what has this path. */
  gives(path: string): boolean;
  /** Whether that is so for every file right in the directory. */
  givesFilesIn(path: string): boolean;
  /** Device and inode, joined by ":", of what is nobody's. */
  readonly own: readonly string[];
}

/** @param root real, of the backend, with its kind */
export async function* diskSearch(
  search: Search,
  disk: Disk,
  root: { readonly path: string; readonly kind: string },
): AsyncGenerator<Hits, void> {
  const isFile = root.kind !== "directory";
  const begin = {
    query: search.query,
    selection: search.selection,
    root: disk.host(isFile ? parentOf(root.path) : root.path),
    own: disk.own,
  };
  await Promise.all(search.workers.map((worker) => worker.begin(begin)));
  yield* new DiskSearch(search, disk).run(root.path, isFile);
}

class DiskSearch {
  readonly #search: Search;
  readonly #disk: Disk;
  readonly #queue = new SlotQueue();
  readonly #free: SearchWorker[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #rules: Rules[] = [];
  /** How many of the rules each worker knows. */
  readonly #told = new Map<SearchWorker, number>();
  #root = "/";
  #waitingLength = 0;
  #failure: unknown;
  #wake = () => {};

  constructor(search: Search, disk: Disk) {
    this.#search = search;
    this.#disk = disk;
    for (let at = 0; at < tasksMax; at++) this.#free.push(...search.workers);
  }

  async *run(path: string, isFile: boolean): AsyncGenerator<Hits, void> {
    const { signal, workers, clock } = this.#search;
    this.#root = path;
    if (isFile) this.#queue.replace(undefined, filesSlots(parentOf(path), [nameOf(path)]), []);
    else this.#queue.replace(undefined, [], [directorySlot(path, 0, 0)]);
    const wakes = () => this.#wake();
    signal.addEventListener("abort", wakes);
    using _ = new WorkerWatch(clock, workers, this.#search.stuckMs);
    try {
      while (this.#queue.head !== undefined) {
        signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure;
        const { promise: change, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        this.#assign();
        const { head } = this.#queue;
        const hits = this.#taken();
        if (hits.length > 0) yield hits;
        // With another front there may be other work, or none.
        else if (head === this.#queue.head) await change;
      }
    } finally {
      signal.removeEventListener("abort", wakes);
      for (const worker of workers) worker.stop();
      await this.#settled();
    }
  }

  /** A worker that does not end soon is ended by whoever takes it back. */
  async #settled(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#search.clock.after(settleMs, resolve);
    void Promise.all(this.#running).then(() => resolve());
    await promise;
    cancel();
  }

  /** What can leave from the front. */
  #taken(): FoundFile[] {
    const hits: FoundFile[] = [];
    for (let { head } = this.#queue; head?.kind === "files"; { head } = this.#queue) {
      for (const { name, result } of head.results.splice(0)) {
        hits.push({ path: joined(head.directory, name), outcome: result });
        this.#waitingLength -= result.found.text.length;
      }
      if (head.state !== "done") break;
      this.#queue.dropHead();
    }
    return hits;
  }

  get #mayScan(): boolean {
    return this.#waitingLength < waitingLengthMax;
  }

  #assign(): void {
    while (this.#free.length > 0) {
      const job = this.#queue.take(this.#mayScan);
      const worker = job === undefined ? undefined : this.#free.shift();
      if (job === undefined || worker === undefined) return;
      const running = this.#done(worker, job)
        .catch((error) => {
          this.#failure ??= error;
        })
        .finally(() => {
          this.#running.delete(running);
          this.#wake();
        });
      this.#running.add(running);
    }
  }

  async #done(worker: SearchWorker, job: Job): Promise<void> {
    if (job.kind === "list") await this.#list(worker, job.slots);
    else await this.#scan(worker, job.slots);
    this.#free.push(worker);
  }

  async #list(worker: SearchWorker, slots: readonly DirectorySlot[]): Promise<void> {
    const mayScan = this.#mayScan;
    const rules = this.#rules.slice(this.#told.get(worker) ?? 0);
    this.#told.set(worker, this.#rules.length);
    const directories = slots.map((slot) => ({
      path: this.#disk.host(slot.path),
      rules: slot.rules,
      obeys: this.#obeys(slot.path),
      scans: mayScan && this.#disk.givesFilesIn(slot.path),
    }));
    const answer = await worker.ask({ kind: "list", directories, rules });
    if (answer.kind !== "listed") throw strange(answer);
    this.#search.count(answer.counts);
    for (const [at, slot] of slots.entries()) this.#opened(slot, answer.listed[at]);
  }

  /** Ignore files that the caller may not read have no say. */
  #obeys(path: string): boolean {
    if (!this.#search.selection.ignoreFiles) return false;
    return ignoreFileNames.every((name) => this.#disk.gives(joined(path, name)));
  }

  /** Each path is judged before anything of it is touched. */
  #opened(slot: DirectorySlot, listed: Listed | undefined): void {
    const gives = (name: string) => this.#disk.gives(joined(slot.path, name));
    const { results = [], files = [], directories = [], texts = [] } = listed ?? {};
    for (const { result } of results) this.#waitingLength += result.found.text.length;
    const rules = texts.some((text) => text !== "") ? this.#added(slot, texts) : slot.rules;
    const deeper = slot.depth < depthMax ? directories.filter(gives) : [];
    this.#queue.replace(
      slot,
      filesSlots(slot.path, files.filter(gives), results),
      deeper.map((name) => directorySlot(joined(slot.path, name), slot.depth + 1, rules)),
    );
  }

  #added({ path, rules }: DirectorySlot, texts: readonly string[]): number {
    const relative = path === this.#root ? "" : path.slice(this.#root === "/" ? 1 : this.#root.length + 1);
    const id = this.#rules.length + 1;
    this.#rules.push({ id, parent: rules, relative, texts });
    return id;
  }

  async #scan(worker: SearchWorker, slots: readonly FilesSlot[]): Promise<void> {
    const groups = slots.map(({ directory, names }) => ({ directory: this.#disk.host(directory), names }));
    const answer = await worker.ask({ kind: "scan", groups });
    if (answer.kind !== "scanned") throw strange(answer);
    this.#search.count(answer.counts);
    const results = [...answer.results];
    let from = 0;
    for (const slot of slots) {
      const { names } = slot;
      slot.results.push(...resultsOf(results, names, from));
      const done = Math.max(0, Math.min(names.length, answer.done - from));
      slot.names = names.slice(done);
      slot.state = slot.names.length === 0 ? "done" : "waiting";
      from += names.length;
    }
    for (const { found } of answer.results) this.#waitingLength += found.text.length;
  }
}

/** Takes away those of the names that begin at the index. */
function resultsOf(results: FileResult[], names: readonly string[], from: number): NamedResult[] {
  const own: NamedResult[] = [];
  while (results[0] !== undefined && results[0].index < from + names.length) {
    const [result] = results.splice(0, 1);
    if (result !== undefined) own.push({ name: names[result.index - from] ?? "", result });
  }
  return own;
}

function strange({ kind }: Answer): OperoneError {
  return new OperoneError("internal", `A thread of the search gave the answer "${kind}" to another question`);
}
