/** The threads of one search. */
import { availableParallelism } from "node:os";
import { OperoneError } from "../../../src/kernel/error.ts";
import { isCompiled } from "../../../src/platform/self.ts";
import type { Query } from "./line-search.ts";
import type { ScanBatch, ScanResult, ScanStart } from "./scan-protocol.ts";

const threadsMax = 4;
/** Of one file with one pattern: it is the disk that does not answer, more often than not. */
const fileMsMax = 10_000;

interface Waiting {
  readonly paths: readonly string[];
  resolve(result: ScanResult): void;
  reject(error: unknown): void;
}

export class Scanners implements Disposable {
  readonly #threads: Scanner[];
  #next = 0;

  /** @param msMax of one file */
  constructor(query: Query, fileBytesMax: number, msMax = fileMsMax) {
    const count = Math.max(1, Math.min(threadsMax, availableParallelism()));
    this.#threads = Array.from({ length: count }, () => new Scanner(query, fileBytesMax, msMax));
  }

  /** Batches that are scanned at once; more only wait. */
  get width(): number {
    return 2 * this.#threads.length;
  }

  /** @throws OperoneError `deadline` with the file on which the pattern does not end */
  async scan(paths: readonly string[]): Promise<ScanResult> {
    const thread = this.#threads[this.#next++ % this.#threads.length];
    if (thread === undefined) throw new Error("a search has a thread");
    return await thread.scan(paths);
  }

  [Symbol.dispose](): void {
    for (const thread of this.#threads) thread.end();
  }
}

class Scanner {
  readonly #worker: Worker;
  readonly #position = new Int32Array(new SharedArrayBuffer(4));
  readonly #waiting = new Map<number, Waiting>();
  #id = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #seen = "";
  #failure: unknown;

  constructor(query: Query, fileBytesMax: number, msMax: number) {
    // In the compiled program only the path as the build knows it finds the worker.
    const compiled = "./modules/fs/search/scan.worker.ts";
    this.#worker = new Worker(isCompiled() ? compiled : new URL("./scan.worker.ts", import.meta.url));
    this.#worker.onmessage = ({ data }: MessageEvent<ScanResult>) => {
      const done = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      done?.resolve(data);
    };
    this.#worker.onerror = ({ message }) =>
      this.#fail(new OperoneError("internal", `A thread of the search failed: ${message}`));
    const start: ScanStart = { query, fileBytesMax, position: this.#position };
    this.#worker.postMessage(start);
    this.#timer = setInterval(() => this.#look(), msMax);
  }

  async scan(paths: readonly string[]): Promise<ScanResult> {
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<ScanResult>();
    const id = ++this.#id;
    this.#waiting.set(id, { paths, resolve, reject });
    this.#worker.postMessage({ id, paths } satisfies ScanBatch);
    return await promise;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#worker.terminate();
    this.#failure ??= new OperoneError("cancelled", "The search has ended");
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  /** The same file as at the last look: its time is over. */
  #look(): void {
    const [first] = this.#waiting;
    const before = this.#seen;
    this.#seen = "";
    if (first === undefined) return;
    const [id, { paths }] = first;
    const at = Atomics.load(this.#position, 0);
    this.#seen = `${id} ${at}`;
    if (this.#seen !== before) return;
    this.#fail(
      new OperoneError(
        "deadline",
        `The search of "${paths[at] ?? ""}" took too long and was given up; search in less, or leave that file out`,
      ),
    );
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.end();
  }
}
