/** What has to be looked at again. However much happens, it stays small: then it is "everything". */
import type { Clock } from "../../../src/kernel/ports.ts";
import type { HintSink } from "./hints.ts";
import type { Node } from "./model.ts";

const namesMax = 20_000;

export interface Marks {
  /** By name, with whether its bytes may be others. */
  readonly names: Map<string, boolean>;
  /** All names in it; `deep`: and all directories in it, and what ignore files say. */
  whole: "no" | "yes" | "deep";
}

export class Dirt implements HintSink {
  readonly #root: Node;
  readonly #namesMax: number;
  #marks = new Map<Node, Marks>();
  #names = 0;
  #reason: string | undefined;
  #wake: (() => void) | undefined;
  /** Hints so far: who waits for quiet looks whether it grows. */
  heard = 0;
  /** Why the system does not tell of all; undefined while it does. */
  blindness: string | undefined;

  constructor(root: Node, most = namesMax) {
    this.#root = root;
    this.#namesMax = most;
  }

  get isClean(): boolean {
    return this.#marks.size === 0;
  }

  entry(directory: Node, name: string, written: boolean): void {
    const { names } = this.#marksOf(directory);
    if (!names.has(name)) this.#names += 1;
    names.set(name, written || names.get(name) === true);
    if (this.#names > this.#namesMax) this.everything("more changed at once than is kept by name");
    this.#notify();
  }

  directory(directory: Node, whole: "yes" | "deep" = "deep"): void {
    const marks = this.#marksOf(directory);
    if (marks.whole !== "deep") marks.whole = whole;
    this.#notify();
  }

  everything(reason: string): void {
    this.#marks.clear();
    this.#names = 0;
    this.#reason = reason;
    this.directory(this.#root);
  }

  blind(reason: string): void {
    this.blindness ??= reason;
  }

  /** What was marked until now, and why all is looked at, if it is. */
  take(): { readonly marks: Map<Node, Marks>; readonly reason: string | undefined } {
    const taken = { marks: this.#marks, reason: this.#reason };
    this.#marks = new Map();
    this.#names = 0;
    this.#reason = undefined;
    return taken;
  }

  /** Resolves when there is a mark, that long has passed, or the signal aborts. */
  async marked(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
    if (!this.isClean) return;
    await passed(clock, waitMs, signal, (resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  #marksOf(directory: Node): Marks {
    const known = this.#marks.get(directory);
    if (known !== undefined) return known;
    const marks: Marks = { names: new Map(), whole: "no" };
    this.#marks.set(directory, marks);
    return marks;
  }

  #notify(): void {
    this.heard += 1;
    this.#wake?.();
  }
}

/** Resolves after that time, when the signal aborts, or as soon as it is told to; nothing is left behind. */
export async function passed(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  earlier?: (resolve: () => void) => void,
): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  const cancel = clock.after(ms, resolve);
  signal.addEventListener("abort", onAbort);
  earlier?.(resolve);
  await promise;
  signal.removeEventListener("abort", onAbort);
  cancel();
}
