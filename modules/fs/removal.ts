/** Removes a file or a directory with all that is in it, entry by entry. */

import { OperoneError } from "../../src/kernel/error.ts";
import { entryWhole } from "./state.ts";
import type { Copied } from "./transfer.ts";
import type { Place } from "./tree.ts";
import { walk } from "./walk.ts";

export async function removeTree(place: Place, signal: AbortSignal): Promise<number> {
  const entry = await entryWhole(place);
  // Before anything is gone, and not in the middle of it.
  await place.backend.assertWhole(place.access, place.path);
  const paths = [place.path];
  if (entry.kind === "directory") for await (const { path } of walk(place, { signal })) paths.push(path);
  // What is in a directory goes before it.
  for (const path of paths.toReversed()) {
    signal.throwIfAborted();
    await place.backend.remove(place.access, path);
  }
  return paths.length;
}

/**
 * Removes what is still as it was copied, and nothing that came or changed since.
 *
 * @param copied a directory before what is in it
 * @returns whether that was all
 */
export async function removeCopied(
  { backend, access, path: root }: Place,
  copied: readonly Copied[],
  signal: AbortSignal,
): Promise<boolean> {
  await backend.assertWhole(access, root);
  let all = true;
  for (const { path, etag } of copied.toReversed()) {
    signal.throwIfAborted();
    const entry = await backend.stat(access, path);
    if (entry === undefined) continue;
    if (entry.kind === "file" && entry.etag !== etag) all = false;
    else if (!(await isRemoved(() => backend.remove(access, path)))) all = false;
  }
  return all;
}

/** False for a directory in which there is something. */
async function isRemoved(remove: () => Promise<void>): Promise<boolean> {
  try {
    await remove();
    return true;
  } catch (error) {
    if (error instanceof OperoneError && error.code === "conflict") return false;
    throw error;
  }
}
