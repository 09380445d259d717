/** One worker as the node sees it. What it is asked is done in that order; it may be asked before it has answered. */
import { OperoneError } from "../../../src/kernel/error.ts";
import { isCompiled } from "../../../src/platform/self.ts";
import { type Answer, type Begin, type Request, signals, type Task } from "./worker-wire.ts";

/** What a worker runs on: a thread, and in tests what is at hand. */
export interface Line {
  send(request: Request): void;
  end(): void;
}

export type MakeLine = (heard: (answer: Answer) => void, failed: (why: string) => void) => Line;

interface Waiting {
  readonly request: Request;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** In the compiled program only the path as the build knows it finds the worker. */
const compiledPath = "./modules/fs/search/search.worker.ts";

export class SearchWorker {
  readonly #line: Line;
  readonly #signals = new Int32Array(new SharedArrayBuffer(4 * signals.count));
  readonly #waiting: Waiting[] = [];
  #gone: OperoneError | undefined;

  constructor(make: MakeLine = thread) {
    this.#line = make(
      (answer) => this.#heard(answer),
      (why) => this.end(new OperoneError("internal", `A thread of the search failed: ${why}`)),
    );
  }

  get busy(): boolean {
    return this.#waiting.length > 0;
  }

  get gone(): boolean {
    return this.#gone !== undefined;
  }

  /** Grows whenever it does something. */
  get steps(): number {
    return Atomics.load(this.#signals, signals.steps);
  }

  /** What it works on: a path of the machine, where it knows one. */
  get position(): string | undefined {
    const request = this.#waiting[0]?.request;
    const index = Atomics.load(this.#signals, signals.index);
    if (request?.kind === "list") return request.directories[index]?.path;
    if (request?.kind !== "scan") return undefined;
    return request.groups.flatMap(({ directory, names }) => names.map((name) => `${directory}/${name}`))[
      index
    ];
  }

  /** @throws OperoneError `invalid_input` for a bad pattern */
  async begin(search: Omit<Begin, "kind" | "signals">): Promise<void> {
    this.#signals.fill(0);
    await this.#asked({ kind: "begin", signals: this.#signals, ...search });
  }

  async ask(task: Task): Promise<Answer> {
    return await this.#asked(task);
  }

  async #asked(request: Request): Promise<Answer> {
    if (this.#gone !== undefined) throw this.#gone;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.push({ request, resolve, reject });
    this.#line.send(request);
    return await promise;
  }

  /** What runs ends soon, with whatever it has. */
  stop(): void {
    Atomics.store(this.#signals, signals.ended, 1);
  }

  end(error: OperoneError): void {
    this.#gone ??= error;
    this.stop();
    this.#line.end();
    for (const { reject } of this.#waiting.splice(0)) reject(this.#gone);
  }

  #heard(answer: Answer): void {
    const waiting = this.#waiting.shift();
    if (answer.kind === "refused") waiting?.reject(new OperoneError(answer.code, answer.message));
    else waiting?.resolve(answer);
  }
}

function thread(heard: (answer: Answer) => void, failed: (why: string) => void): Line {
  const worker = new Worker(isCompiled() ? compiledPath : new URL("./search.worker.ts", import.meta.url));
  // An idle one keeps no command from ending; and while one works, the event loop has something to wait for.
  worker.unref();
  let asked = 0;
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    asked -= 1;
    if (asked === 0) worker.unref();
    heard(data);
  };
  worker.onerror = ({ message }) => failed(message);
  const send = (request: Request) => {
    if (asked === 0) worker.ref();
    asked += 1;
    worker.postMessage(request);
  };
  return { send, end: () => void worker.terminate() };
}
