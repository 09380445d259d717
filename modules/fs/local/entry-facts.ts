/** From what the system tells of a file to an entry. */
import type { BigIntStats } from "node:fs";
import type { Entry, EntryKind } from "../backend.ts";

export function kindOf(facts: Pick<BigIntStats, "isFile" | "isDirectory" | "isSymbolicLink">): EntryKind {
  if (facts.isFile()) return "file";
  if (facts.isDirectory()) return "directory";
  return facts.isSymbolicLink() ? "link" : "other";
}

/** @param target what a link says */
export function entryOf(path: string, facts: BigIntStats, target?: string): Entry {
  const kind = kindOf(facts);
  return {
    path,
    kind,
    sizeBytes: kind === "file" ? Number(facts.size) : 0,
    modifiedMs: milliseconds(facts.mtimeNs),
    ...(facts.birthtimeNs > 0n ? { createdMs: milliseconds(facts.birthtimeNs) } : {}),
    ...(process.platform === "win32" ? {} : { mode: Number(facts.mode & 0o7777n) }),
    ...(kind === "file" ? { etag: etagOf(facts) } : {}),
    ...(target === undefined ? {} : { target }),
  };
}

/**
 * Another file, another size, or another time of writing or of a change to the file itself: the last cannot be set by
 * anybody, so bytes that were written with their old time are noticed too.
 */
export function etagOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs, ctimeNs].map((part) => part.toString(36)).join("-");
}

/** Whole ones: a file system that keeps nanoseconds gives the same time as one that does not. */
function milliseconds(ns: bigint): number {
  return Number(ns / 1_000_000n);
}
