/** What goes between a search and the threads that scan files for it. */
import type { LineMatch, Query } from "./line-search.ts";

export interface ScanStart {
  readonly query: Query;
  readonly fileBytesMax: number;
  /** One number: which file of the batch is being scanned, for whoever waits too long. */
  readonly position: Int32Array;
}

export interface ScanBatch {
  readonly id: number;
  /** Real paths of the machine. */
  readonly paths: readonly string[];
}

export interface ScanResult {
  readonly id: number;
  /** Those with matches, by their place in the batch. */
  readonly found: readonly { readonly at: number; readonly matches: readonly LineMatch[] }[];
  /** Read and looked at. */
  readonly files: number;
  readonly bytes: number;
  /** No text, too large, not to be read, or not what it was when it was listed. */
  readonly skipped: number;
}
