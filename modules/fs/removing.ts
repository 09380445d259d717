/** Removes for a while, or for good. */
import { OperoneError } from "../../src/kernel/error.ts";
import { removeTree } from "./removal.ts";
import { entryWhole } from "./state.ts";
import type { Trash } from "./trash.ts";
import type { Place } from "./tree.ts";

interface RemoveOptions {
  readonly recursive: boolean;
  readonly permanent: boolean;
  readonly signal: AbortSignal;
}

export async function removed(trash: Trash, place: Place, { recursive, permanent, signal }: RemoveOptions) {
  const entry = await entryWhole(place);
  const path = place.shown(place.path);
  if (entry.kind === "directory" && !recursive) await assertEmpty(place, path, signal);
  if (permanent) {
    await removeTree(place, signal);
    return { path };
  }
  return { path, trash: (await trash.put(place, entry)).id };
}

/** @throws OperoneError `conflict` */
export async function assertEmpty(
  { backend, access, path }: Place,
  shown: string,
  signal: AbortSignal,
): Promise<void> {
  for await (const batch of backend.names(access, path, signal)) {
    if (batch.length === 0) continue;
    throw new OperoneError(
      "conflict",
      `The directory "${shown}" is not empty; say recursive to remove all that is in it`,
    );
  }
}
