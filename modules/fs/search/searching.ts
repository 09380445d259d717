/** From a call to a search, and from what it finds to the items of the answer. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { CallContext, Progress } from "../../../src/kernel/operation.ts";
import type { Clock } from "../../../src/kernel/ports.ts";
import { entryProgress } from "../progress-steps.ts";
import { entryAt } from "../state.ts";
import type { Place } from "../tree.ts";
import type { Crew } from "./crew.ts";
import { diskSearch } from "./disk-search.ts";
import { fedSearch } from "./fed-search.ts";
import type { FileOutcome, Query, Selection } from "./query.ts";
import type { SearchWorker } from "./search-worker.ts";
import { stuckMsUsual } from "./worker-watch.ts";
import type { Counts } from "./worker-wire.ts";

export interface SearchInput extends Query, Selection {
  readonly smartCase: boolean;
}

export interface Search {
  readonly place: Place;
  readonly query: Query;
  readonly selection: Selection;
  readonly workers: readonly SearchWorker[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly stuckMs: number;
  /** Adds up what was done. */
  count(done: Counts): void;
}

export interface FoundFile {
  /** The backend's own. */
  readonly path: string;
  readonly outcome: FileOutcome;
}

/** What is next in order; some of them may be empty. */
export type Hits = readonly FoundFile[];

export interface SearchPorts {
  readonly crew: Crew;
  readonly clock: Clock;
  readonly caller: CallContext["caller"];
  readonly signal: AbortSignal;
  readonly stuckMs?: number;
  progress(progress: Progress): void;
}

/** @throws OperoneError `invalid_input` for a bad pattern, `conflict` for what is no file and no directory, `limited` */
export async function* searched(place: Place, input: SearchInput, ports: SearchPorts) {
  const { crew, clock, caller, signal, progress, stuckMs = stuckMsUsual } = ports;
  const root = await entryAt(place);
  if (root.kind === "other")
    throw new OperoneError(
      "conflict",
      `"${place.shown(place.path)}" is neither a file nor a directory, and cannot be searched`,
    );
  const began = clock.monotonicMs();
  const told = entryProgress(progress);
  const sum = { files: 0, bytes: 0, skipped: 0 };
  const count = (done: Counts) => {
    sum.files += done.files;
    sum.bytes += done.bytes;
    sum.skipped += done.skipped;
    told(sum.files + sum.skipped);
  };
  const who = `${caller.kind}:${caller.id}`;
  const workers = crew.hire(who, caller.kind === "owner");
  let [matches, limited] = [0, false];
  try {
    const { hidden, ignoreFiles, glob } = input;
    const selection = { hidden, ignoreFiles, glob };
    const search = { place, query: queryOf(input), selection, workers, clock, signal, stuckMs, count };
    files: for await (const hits of found(search, root)) {
      for (const { path, outcome } of hits) {
        limited ||= outcome.limited;
        const shown = place.shown(path);
        for (const line of linesOf(outcome)) {
          if (matches === input.limit) {
            limited = true;
            break files;
          }
          matches += 1;
          yield { path: shown, ...line };
        }
      }
    }
  } finally {
    crew.giveBack(who, workers);
  }
  yield { summary: { ...sum, matches, limited, durationMs: Math.round(clock.monotonicMs() - began) } };
}

function found(search: Search, root: { readonly path: string; readonly kind: string }) {
  const { backend, access } = search.place;
  if (backend.hostPath === undefined || backend.gives === undefined) return fedSearch(search, root);
  const host = backend.hostPath.bind(backend);
  const gives = backend.gives.bind(backend, access);
  const givesFilesIn = (path: string) => backend.givesFilesIn?.(access, path) === true;
  const own = backend.ownKeys?.() ?? [];
  return diskSearch(search, { host, gives, givesFilesIn, own }, root);
}

function queryOf(input: SearchInput): Query {
  const { pattern, fixed, word, before, after, perFileMax, limit, fileBytesMax } = input;
  const isSmall = input.smartCase && pattern === pattern.toLowerCase();
  // One more than the limit, so that it is known whether there are more.
  return {
    ...{ pattern, fixed, word, before, after, limit, fileBytesMax },
    perFileMax: Math.min(perFileMax, limit + 1),
    ignoreCase: input.ignoreCase || isSmall,
  };
}

function* linesOf({ found: { lines, columns, text, around } }: FileOutcome) {
  if (lines.length === 0) return;
  const texts = text.split("\n");
  for (const [at, line] of lines.entries()) {
    const beside = around[at];
    yield {
      line,
      column: columns[at] ?? 1,
      text: texts[at] ?? "",
      before: beside === undefined ? [] : [...beside.before],
      after: beside?.after ?? [],
    };
  }
}
