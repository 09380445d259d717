/**
 * The work of a search in the order of its results: the files of a directory, then its directories, each in the order
 * of their names. Directories are opened up in place, workers take what is foremost, and results leave from the front.
 */
import type { NamedResult } from "./worker-wire.ts";

/** So many in one go are worth a message. */
const listBatchMax = 24;
const scanBatch = 128;
/** Before fewer files are scanned, more directories are opened up. */
const scanBatchMin = 32;
/** Among which directories that wait are divided. */
const shares = 8;
const lookAheadMax = 512;

export interface DirectorySlot {
  readonly kind: "directory";
  readonly path: string;
  /** How far below where the search began. */
  readonly depth: number;
  /** Of the ignore files above; 0: none. */
  readonly rules: number;
  state: "waiting" | "running";
  next: Slot | undefined;
  previous: Slot | undefined;
}

export interface FilesSlot {
  readonly kind: "files";
  readonly directory: string;
  /** Those that are still to be scanned. */
  names: readonly string[];
  state: "waiting" | "running" | "done";
  readonly results: NamedResult[];
  next: Slot | undefined;
  previous: Slot | undefined;
}

type Slot = DirectorySlot | FilesSlot;

export type Job =
  | { readonly kind: "list"; readonly slots: readonly DirectorySlot[] }
  | { readonly kind: "scan"; readonly slots: readonly FilesSlot[] };

export class SlotQueue {
  #head: Slot | undefined;

  get head(): Slot | undefined {
    return this.#head;
  }

  dropHead(): void {
    this.#head = this.#head?.next;
    if (this.#head !== undefined) this.#head.previous = undefined;
  }

  /** In place of a directory comes what is in it. */
  replace(slot: Slot | undefined, files: readonly FilesSlot[], directories: readonly DirectorySlot[]): void {
    let previous = slot?.previous;
    for (const one of [...files, ...directories]) {
      one.previous = previous;
      if (previous === undefined) this.#head = one;
      else previous.next = one;
      previous = one;
    }
    const next = slot?.next;
    if (previous === undefined) this.#head = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
  }

  /** Undefined when all that is near the front is being done. @param mayScan whether more than the front may be scanned */
  take(mayScan: boolean): Job | undefined {
    const files = this.#files();
    const directories = this.#directories();
    const count = files.reduce((sum, { names }) => sum + names.length, 0);
    const isWorthIt = count >= scanBatchMin || directories.length === 0;
    if (files.length > 0 && isWorthIt && (mayScan || files[0] === this.#head)) {
      for (const slot of files) slot.state = "running";
      return { kind: "scan", slots: files };
    }
    if (directories.length === 0) return undefined;
    for (const slot of directories) slot.state = "running";
    return { kind: "list", slots: directories };
  }

  /** The foremost that wait, until they are enough. */
  #files(): FilesSlot[] {
    const found: FilesSlot[] = [];
    let [count, seen] = [0, 0];
    for (let at = this.#head; at !== undefined && count < scanBatch && seen < lookAheadMax; at = at.next) {
      seen += 1;
      if (at.kind !== "files" || at.state !== "waiting") continue;
      found.push(at);
      count += at.names.length;
    }
    return found;
  }

  /** Of few, one alone: each may open up many. */
  #directories(): DirectorySlot[] {
    const found: DirectorySlot[] = [];
    let seen = 0;
    for (let at = this.#head; at !== undefined && seen < lookAheadMax; at = at.next) {
      seen += 1;
      if (at.kind === "directory" && at.state === "waiting") found.push(at);
    }
    return found.slice(0, Math.min(listBatchMax, Math.ceil(found.length / shares)));
  }
}

/** Many files are several pieces, so that workers share them. @param results of those in front of them */
export function filesSlots(
  directory: string,
  names: readonly string[],
  results: readonly NamedResult[] = [],
): FilesSlot[] {
  const slots = results.length === 0 ? [] : [filesSlot(directory, [], [...results])];
  for (let at = 0; at < names.length; at += scanBatch)
    slots.push(filesSlot(directory, names.slice(at, at + scanBatch), []));
  return slots;
}

function filesSlot(directory: string, names: readonly string[], results: NamedResult[]): FilesSlot {
  const state = names.length === 0 ? "done" : "waiting";
  return { kind: "files", directory, names, state, results, next: undefined, previous: undefined };
}

export function directorySlot(path: string, depth: number, rules: number): DirectorySlot {
  return { kind: "directory", path, depth, rules, state: "waiting", next: undefined, previous: undefined };
}
