/** Moves an entry within one file system. */
import type { BigIntStats } from "node:fs";
import { lstat, rename, unlink } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import { joined } from "../file-path.ts";
import { occupied, renameNew, type Spot, syncDirectory } from "./carry.ts";
import { namesOf, orMissing } from "./place.ts";

/**
 * @returns the facts at the new place
 * @throws OperoneError `conflict` when something is there and shall stay, `not_found`; the system's EXDEV for another
 *   file system
 */
export async function moveEntry(source: Spot, target: Spot, replace: boolean): Promise<BigIntStats> {
  const [from, to] = [source.place.child(source.name), target.place.child(target.name)];
  const facts = await orMissing(() => lstat(from, { bigint: true }));
  if (facts === undefined) {
    throw new OperoneError("not_found", `There is nothing at "${joined(source.path, source.name)}"`);
  }
  const there = await orMissing(() => lstat(to, { bigint: true }));
  const isOne = there?.ino === facts.ino && there.dev === facts.dev;
  // Another spelling of the same name, where the file system takes both for one.
  const isItself = isOne && (facts.nlink === 1n || facts.isDirectory() || !(await areTwo(source, target)));
  if (there !== undefined && !replace && !isItself) throw occupied(target);
  // Of two names of one file the system would leave both.
  if (isOne && !isItself) await unlink(from);
  else if (replace || isItself || facts.isDirectory()) await rename(from, to);
  else await renameNew(from, to, target);
  await syncDirectory(target.place.path);
  if (source.path !== target.path) await syncDirectory(source.place.path);
  return await lstat(to, { bigint: true });
}

/** Two names of one file, and not one name that is written in two ways. */
async function areTwo(source: Spot, target: Spot): Promise<boolean> {
  if (source.path !== target.path) return true;
  const names = await namesOf(source.place);
  return source.name !== target.name && names.includes(source.name) && names.includes(target.name);
}
