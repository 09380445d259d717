/** How much room there is taken. */
import type { Progress } from "../../src/kernel/operation.ts";
import type { Entry } from "./backend.ts";
import { entryProgress } from "./progress-steps.ts";
import { entryAt } from "./state.ts";
import type { Place } from "./tree.ts";

const entriesShownMax = 1_000;
const depthMax = 256;

class Sum {
  bytes = 0;
  files = 0;
  directories = 0;
  others = 0;

  add(other: Sum): void {
    this.bytes += other.bytes;
    this.files += other.files;
    this.directories += other.directories;
    this.others += other.others;
  }
}

/** The largest files so far. */
class Largest {
  readonly #most: number;
  #files: Entry[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  add(entry: Entry): void {
    this.#files.push(entry);
    if (this.#files.length > 4 * this.#most) this.#files = [...this.sorted()];
  }

  sorted(): readonly Entry[] {
    return this.#files.toSorted((a, b) => b.sizeBytes - a.sizeBytes).slice(0, this.#most);
  }
}

export async function usageOf(
  place: Place,
  most: number,
  signal: AbortSignal,
  progress: (progress: Progress) => void,
) {
  const largest = new Largest(most);
  const told = entryProgress(progress);
  let seen = 0;
  const sumOf = async (path: string, depth: number): Promise<Sum> => {
    const sum = new Sum();
    for await (const batch of listed(place, path, signal)) {
      seen += batch.length;
      told(seen);
      for (const entry of batch) {
        if (entry.kind === "directory" && depth < depthMax) sum.add(await sumOf(entry.path, depth + 1));
        count(sum, entry, largest);
      }
    }
    return sum;
  };
  const top = await entryAt(place);
  const whole = new Sum();
  const entries: { path: string; bytes: number; files: number }[] = [];
  if (top.kind === "directory") {
    for await (const batch of place.backend.list(place.access, place.path, signal)) {
      for (const entry of batch) {
        const sum = entry.kind === "directory" ? await sumOf(entry.path, 1) : new Sum();
        count(sum, entry, largest);
        whole.add(sum);
        entries.push({ path: place.shown(entry.path), bytes: sum.bytes, files: sum.files });
      }
    }
  } else count(whole, top, largest);
  const { bytes, files, directories, others } = whole;
  return {
    ...{ path: place.shown(place.path), bytes, files, directories, others },
    entries: entries.sort((a, b) => b.bytes - a.bytes).slice(0, entriesShownMax),
    largest: largest.sorted().map(({ path, sizeBytes }) => ({ path: place.shown(path), sizeBytes })),
  };
}

function count(sum: Sum, entry: Entry, largest: Largest): void {
  sum.bytes += entry.sizeBytes;
  if (entry.kind === "file") {
    sum.files += 1;
    largest.add(entry);
  } else if (entry.kind === "directory") sum.directories += 1;
  else sum.others += 1;
}

/** What went away meanwhile, or cannot be listed, takes no room that could be told. */
async function* listed({ backend, access }: Place, path: string, signal: AbortSignal) {
  try {
    yield* backend.list(access, path, signal);
  } catch (error) {
    if (signal.aborted) throw error;
  }
}
