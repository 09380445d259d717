/** A folder for one command that has no file system of its own. */
import { createHash } from "node:crypto";
import { chownSync, lstatSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Scratch {
  readonly path: string;
  remove(): void;
}

/**
 * Nobody else's; `owner` may be given by root alone.
 *
 * @param dataDirectory of the node whose command it is
 */
export function makeScratch(
  dataDirectory: string,
  owner?: { readonly user: number; readonly group: number },
): Scratch {
  const path = mkdtempSync(join(tmpdir(), prefixOf(dataDirectory)));
  if (owner !== undefined) chownSync(path, owner.user, owner.group);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * Removes what an earlier run of the node was killed over. For the process that holds the lock of the data directory,
 * before it makes any.
 *
 * @returns how many there were
 */
export async function removeLeftScratch(dataDirectory: string): Promise<number> {
  const prefix = prefixOf(dataDirectory);
  const names = await readdir(tmpdir());
  const left = names
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(tmpdir(), name))
    .filter(isOurs);
  for (const path of left) await rm(path, { recursive: true, force: true });
  return left.length;
}

/** Anybody may make a name in the folder. What root gave to a command's user is that user's. */
function isOurs(path: string): boolean {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  const user = process.getuid?.();
  return facts?.isDirectory() === true && (user === undefined || user === 0 || facts.uid === user);
}

/**
 * The directory by what it is: in another container that sees the same folder its path may be another node's. One that
 * is not made yet has its path alone.
 */
function prefixOf(dataDirectory: string): string {
  const facts = statSync(dataDirectory, { bigint: true, throwIfNoEntry: false });
  const name = facts === undefined ? dataDirectory : `${facts.dev}:${facts.ino}`;
  const mark = createHash("sha256").update(name).digest("hex").slice(0, 12);
  return `operone-command-${mark}-`;
}
