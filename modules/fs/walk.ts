/** Walks a tree of files, directory by directory, in order; links are not followed. */
import type { EntryKind } from "./backend.ts";
import { joined } from "./file-path.ts";
import type { Place } from "./tree.ts";

/** Directories in directories; deeper ones are left out, as a mount of itself would have no end. */
const depthMax = 256;

export interface Walked {
  /** The backend's own. */
  readonly path: string;
  /** Below where the walk began, without a slash in front. */
  readonly relative: string;
  readonly name: string;
  readonly kind: EntryKind;
  /** 1 for what lies in the directory where it began. */
  readonly depth: number;
}

export interface WalkOptions {
  /** Whether to go into this directory. Absent: into all. */
  enters?(directory: Walked): boolean;
  /** Absent: as deep as it goes. */
  readonly depthMax?: number;
  /** Of a directory that was not gone into though it was asked for. Absent: nobody needs to know. */
  passedOver?(directory: Walked, why: string): void;
  readonly signal: AbortSignal;
}

/** Natural: `a2` before `a10`, letters of any case together; ties by their code points. */
const collator = new Intl.Collator("en", { numeric: true });

export function byName(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** A directory comes before what is in it. What went away meanwhile, or cannot be listed, is passed over. */
export async function* walk(place: Place, options: WalkOptions): AsyncGenerator<Walked, void> {
  yield* inside(place, undefined, options);
}

async function* inside(
  place: Place,
  directory: Walked | undefined,
  options: WalkOptions,
): AsyncGenerator<Walked, void> {
  const { path, relative, depth: above } = directory ?? { path: place.path, relative: "", depth: 0 };
  const depth = above + 1;
  const found: Walked[] = [];
  for await (const batch of listed(place, path, directory, options)) {
    for (const { name, kind } of batch)
      found.push({
        path: joined(path, name),
        relative: relative === "" ? name : `${relative}/${name}`,
        name,
        kind,
        depth,
      });
  }
  found.sort((a, b) => byName(a.name, b.name));
  for (const one of found) {
    yield one;
    const isAsked = one.kind === "directory" && depth < (options.depthMax ?? Number.POSITIVE_INFINITY);
    if (!isAsked || options.enters?.(one) === false) continue;
    if (depth < depthMax) yield* inside(place, one, options);
    else options.passedOver?.(one, `it lies ${depthMax} directories deep, and nobody looks into it`);
  }
}

/** Only where the walk begins a failure is the caller's business. */
async function* listed(
  { backend, access }: Place,
  path: string,
  directory: Walked | undefined,
  { signal, passedOver }: WalkOptions,
) {
  try {
    yield* backend.names(access, path, signal);
  } catch (error) {
    if (directory === undefined || signal.aborted) throw error;
    passedOver?.(directory, error instanceof Error ? error.message : String(error));
  }
}
