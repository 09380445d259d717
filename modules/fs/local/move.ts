/** Moves an entry within one file system. */
import type { BigIntStats } from "node:fs";
import { cp, lchown, link, lstat, open, readdir, rename, rm, unlink } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import { joined } from "../file-path.ts";
import { textOfName } from "../name-text.ts";
import { codeOf } from "../system-error.ts";
import type { Parent } from "./local-backend.ts";
import { orMissing, type SystemPath } from "./place.ts";

/**
 * @returns the facts at the new place
 * @throws OperoneError `conflict` when something is there and shall stay, `not_found`; the system's EXDEV for another
 *   file system
 */
export async function moveEntry(source: Parent, target: Parent, replace: boolean): Promise<BigIntStats> {
  const [from, to] = [source.place.child(source.name), target.place.child(target.name)];
  const facts = await orMissing(() => lstat(from, { bigint: true }));
  if (facts === undefined) {
    throw new OperoneError("not_found", `There is nothing at "${joined(source.path, source.name)}"`);
  }
  const there = await orMissing(() => lstat(to, { bigint: true }));
  // Another spelling of the same name, where the file system takes both for one.
  const isItself = there?.ino === facts.ino && there.dev === facts.dev;
  if (there !== undefined && !replace && !isItself) throw occupied(target);
  if (replace || isItself || facts.isDirectory()) await rename(from, to);
  else await renameNew(from, to, target);
  await syncDirectory(target.place.path);
  return await lstat(to, { bigint: true });
}

/** A second name can be given only where there is none, so nothing is lost that came meanwhile. */
async function renameNew(from: SystemPath, to: SystemPath, target: Parent): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") throw occupied(target);
    // The file system has no second names; that nothing was there has just been seen.
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "EMLINK") throw error;
    await rename(from, to);
    return;
  }
  await unlink(from);
}

export function occupied(target: Parent): OperoneError {
  return new OperoneError(
    "conflict",
    `Something is at "${joined(target.path, target.name)}" already; replace it on purpose, or choose another name`,
  );
}

/** By a copy where the places are on two file systems; then what was there goes when the copy is whole. */
export async function moveAcross(from: SystemPath, to: SystemPath): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (codeOf(error) !== "EXDEV") throw error;
    const [source, target] = [textOf(from), textOf(to)];
    try {
      await cp(source, target, {
        recursive: true,
        verbatimSymlinks: true,
        preserveTimestamps: true,
        errorOnExist: true,
      });
      if (process.getuid?.() === 0) await giveOwners(source, target);
    } catch (failure) {
      await rm(target, { recursive: true, force: true });
      throw failure;
    }
    await rm(source, { recursive: true });
  }
}

/** A copy that root makes is root's. */
async function giveOwners(source: string, target: string): Promise<void> {
  const { uid, gid } = await lstat(source);
  await lchown(target, uid, gid);
  if (!(await lstat(source)).isDirectory()) return;
  for (const name of await readdir(source)) await giveOwners(`${source}/${name}`, `${target}/${name}`);
}

/** Copying takes no bytes for a path; a name that is no text cannot go to another file system so. */
function textOf(path: SystemPath): string {
  if (typeof path === "string") return path;
  throw new OperoneError(
    "unsupported",
    `"${textOfName(path)}" cannot be copied to another file system by its name`,
  );
}

/** So that the name is on the disk. Windows cannot, and keeps names without it. */
export async function syncDirectory(path: SystemPath): Promise<void> {
  if (process.platform === "win32") return;
  await using directory = await open(path, "r");
  await directory.sync();
}
