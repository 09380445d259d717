/** What a search and its workers say to each other. */
import type { FileOutcome, Query, Selection } from "./query.ts";

/** One search begins; the one before it is over. */
export interface Begin {
  readonly kind: "begin";
  readonly query: Query;
  readonly selection: Selection;
  /** The machine's path of where it begins. */
  readonly root: string;
  /** Device and inode, joined by ":", of what is not looked into, whatever it is called. */
  readonly own: readonly string[];
  readonly signals: Int32Array;
}

/** The ignore files of one directory, and those that count there already. */
export interface Rules {
  readonly id: number;
  /** 0: none. */
  readonly parent: number;
  /** Of the directory, below where the search begins; "" for that itself. */
  readonly relative: string;
  readonly texts: readonly string[];
}

/** Lists directories of the machine, and scans the files in them. */
export interface ListTask {
  readonly kind: "list";
  readonly directories: readonly {
    readonly path: string;
    /** Whether the ignore files in it may be read. */
    readonly obeys: boolean;
    /** Of the directories above; 0: none. */
    readonly rules: number;
    /** Whether every file in it may be read, so that none has to be judged by itself. */
    readonly scans: boolean;
  }[];
  /** Those of them that this worker does not know yet, parents first. */
  readonly rules: readonly Rules[];
}

/** Paths of directories of the machine, with the names of files in them. */
export interface ScanTask {
  readonly kind: "scan";
  readonly groups: readonly { readonly directory: string; readonly names: readonly string[] }[];
}

/** A piece of a file that no worker can open. It ends the file, if it is the last or the answer is `scanned`. */
export interface PieceTask {
  readonly kind: "piece";
  readonly file: number;
  readonly chunk: Uint8Array;
  readonly isLast: boolean;
}

/** A file of which no more will come. */
export interface ForgetTask {
  readonly kind: "forget";
  readonly file: number;
}

export type Task = ListTask | ScanTask | PieceTask | ForgetTask;
export type Request = Begin | Task;

export interface NamedResult {
  readonly name: string;
  readonly result: FileOutcome;
}

/** In the order of the code units of their names. */
export interface Listed {
  /** Of files that were scanned: those that have something to tell. All of them come before `files`. */
  readonly results: readonly NamedResult[];
  /** Names of those that are still to be scanned. */
  readonly files: readonly string[];
  readonly directories: readonly string[];
  /** Of the ignore files that are in it. */
  readonly texts: readonly string[];
}

export interface FileResult extends FileOutcome {
  /** Which of all files of the task, in their order. */
  readonly index: number;
}

export interface Counts {
  /** Read and looked at. */
  readonly files: number;
  readonly bytes: number;
  /** No text, too large, not to be read, or gone. */
  readonly skipped: number;
}

export type Answer =
  | { readonly kind: "ready" }
  /** Undefined for a directory that cannot be listed. */
  | { readonly kind: "listed"; readonly listed: readonly (Listed | undefined)[]; readonly counts: Counts }
  | {
      readonly kind: "scanned";
      /** Those that have something to tell. */
      readonly results: readonly FileResult[];
      /** Files that were done; fewer than asked for when they gave too much for one answer. */
      readonly done: number;
      readonly counts: Counts;
    }
  | { readonly kind: "more" }
  | { readonly kind: "refused"; readonly code: "invalid_input" | "internal"; readonly message: string };

/** Places in the memory that both see. */
export const signals = {
  /** Not 0: end soon. */
  ended: 0,
  /** Counts whatever the worker does, so that one that is stuck is seen. */
  steps: 1,
  /** Which directory or file of the task it is at. */
  index: 2,
  count: 3,
} as const;
