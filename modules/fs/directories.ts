/** Makes directories. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Entry } from "./backend.ts";
import { parentOf } from "./file-path.ts";
import type { Place } from "./tree.ts";

/** @throws OperoneError `conflict` when something is there; with `parents` not for a directory */
export async function makeDirectory(place: Place, parents: boolean): Promise<Entry> {
  if (!parents) return await place.backend.makeDirectory(place.access, place.path);
  return await madeOrThere(place);
}

/** All above the path that are missing. Those that are there need not be the caller's. */
export async function makeParents(place: Place): Promise<void> {
  const above = { ...place, path: parentOf(place.path) };
  if (above.path === place.path || !place.access.allows(above.path)) return;
  await madeOrThere(above);
}

async function madeOrThere(place: Place): Promise<Entry> {
  const { backend, access, path, shown } = place;
  const there = await backend.stat(access, path, { follow: true });
  if (there?.kind === "directory") return there;
  if (there !== undefined)
    throw new OperoneError("conflict", `"${shown(path)}" is no directory, and so nothing can be made in it`);
  await makeParents(place);
  try {
    return await backend.makeDirectory(access, path);
  } catch (error) {
    const made = await backend.stat(access, path, { follow: true });
    // Somebody else was quicker.
    if (made?.kind === "directory") return made;
    throw error;
  }
}
