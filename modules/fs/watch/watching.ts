/** A caller's watch: with their rights, their patterns, and a limit on how many there are. */
import type { Caller } from "../../../src/kernel/authority.ts";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Clock } from "../../../src/kernel/ports.ts";
import { type EntryShape, entryShape } from "../shapes.ts";
import type { Place } from "../tree.ts";
import { below } from "./model.ts";
import type { Step } from "./settling.ts";
import { watchTree } from "./watch.ts";

/** Of all callers but the owner, who has as many: nobody can take the owner's. */
const watchesMax = 64;
/** Of one token or agent. */
const watchesPerCallerMax = 32;
/** Of one other node: all its callers have one. */
const watchesPerSharerMax = 8;
/** Of one item. */
const changesMax = 200;

export interface WatchInput {
  readonly patterns: readonly string[];
  readonly recursive: boolean;
  readonly ignoreFiles: boolean;
  readonly debounceMs: number;
  readonly initial: boolean;
}

export interface Change {
  readonly kind: Step["kind"];
  readonly path: string;
  readonly from?: string;
  readonly entry?: EntryShape;
}

export type WatchItem =
  | { readonly changes: Change[] }
  | { readonly ready: true }
  | { readonly rescanned: string }
  | { readonly polling: string }
  | { readonly ended: string };

interface WatchCall {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly sharedBy?: string | undefined;
}

export class Watches {
  readonly #clock: Clock;
  readonly #open = new Set<Holder>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async *watch(place: Place, input: WatchInput, call: WatchCall): AsyncGenerator<WatchItem> {
    const { signal } = call;
    const own = holderOf(call);
    this.#assertRoom(own);
    this.#open.add(own);
    try {
      yield* this.#told(place, input, signal);
    } catch (error) {
      // It was ended by its caller, in the middle of a look.
      if (!signal.aborted) throw error;
    } finally {
      this.#open.delete(own);
    }
  }

  async *#told(place: Place, input: WatchInput, signal: AbortSignal): AsyncGenerator<WatchItem> {
    const { backend, access } = place;
    if (backend.watched === undefined)
      throw new OperoneError(
        "unsupported",
        `What is mounted at "${place.shown("/")}" (${backend.kind}) does not tell of changes; a folder of a machine does, and another node's by --node`,
      );
    const folder = await backend.watched(access, place.path);
    const wanted = wantedBy(input.patterns);
    // What was granted may end while it runs, and a tree's right does not last longer than that to its folder.
    const check = () => access.check(folder.path);
    const own = { place: { ...place, path: folder.path }, listsInside: wanted !== undefined, check };
    const ground = { ...input, ...folder, ...own, signal, clock: this.#clock };
    const shown = (relative: string) => place.shown(below(folder.path, relative));
    const isTold: Wanted = (relative) =>
      folder.gives(below(folder.path, relative)) && wanted?.(relative) !== false;
    for await (const told of watchTree(ground)) {
      if (!("steps" in told)) {
        yield told;
        continue;
      }
      const changes = told.steps.flatMap((step) => [...changesOf(step, isTold, shown)]);
      for (let at = 0; at < changes.length; at += changesMax) {
        check();
        yield { changes: changes.slice(at, at + changesMax) };
      }
    }
  }

  #assertRoom({ pool, key, most }: Holder): void {
    const all = [...this.#open].filter((one) => one.pool === pool);
    const own = all.filter((one) => one.key === key).length;
    if (all.length < watchesMax && own < most) return;
    throw new OperoneError(
      "limited",
      `${all.length} folders are watched already, ${own} of them for you or your node; end one of these watches`,
    );
  }
}

/** Who a watch is counted for. */
interface Holder {
  readonly pool: "owner" | "others";
  readonly key: string;
  readonly most: number;
}

function holderOf({ caller: { kind, id }, sharedBy }: WatchCall): Holder {
  if (sharedBy !== undefined) return { pool: "others", key: `node ${sharedBy}`, most: watchesPerSharerMax };
  if (kind === "owner") return { pool: "owner", key: kind, most: watchesMax };
  return { pool: "others", key: `${kind} ${id}`, most: watchesPerCallerMax };
}

type Wanted = (relative: string) => boolean;

/** Undefined: all is wanted. */
function wantedBy(patterns: readonly string[]): Wanted | undefined {
  if (patterns.length === 0) return undefined;
  const globs = patterns.map(
    (text) => new Bun.Glob(text.includes("/") ? text.replace(/^\//, "") : `**/${text}`),
  );
  return (relative) => globs.some((glob) => glob.match(relative));
}

/** What happens to a directory is told of it and, where that was asked for, of all that is in it. */
function* changesOf(step: Step, isTold: Wanted, shown: (relative: string) => string): Generator<Change> {
  if (!("inside" in step)) {
    if (isTold(step.path)) yield { kind: step.kind, path: shown(step.path), entry: entryAt(step, shown) };
    return;
  }
  for (const inner of ["", ...step.inside]) {
    const path = step.path + inner;
    if (!("from" in step)) {
      if (isTold(path)) yield { kind: "removed", path: shown(path) };
      continue;
    }
    const [from, entry] = [step.from + inner, inner === "" ? { entry: entryAt(step, shown) } : {}];
    const [is, was] = [isTold(path), isTold(from)];
    if (is && was) yield { kind: "renamed", path: shown(path), from: shown(from), ...entry };
    else if (is) yield { kind: "created", path: shown(path), ...entry };
    else if (was) yield { kind: "removed", path: shown(from) };
  }
}

function entryAt(
  { path, facts }: Extract<Step, { readonly facts: unknown }>,
  shown: (relative: string) => string,
): EntryShape {
  return entryShape({ ...facts.entry, path }, shown);
}
