/** Removes a file or a directory with all that is in it, entry by entry. */
import { entryWhole } from "./state.ts";
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
