/** Whether a place would take what is to come there. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Access, Entry } from "./backend.ts";
import { joined, nameOf, parentOf } from "./file-path.ts";
import type { Place } from "./tree.ts";

/** For the directory above, which need not be the caller's: the change itself goes through it in the same way. */
const passing: Access = { allows: () => true, check: () => {}, unlimited: false };

export interface Landing {
  /** What is there now, a link being one. */
  readonly there: Entry | undefined;
  /** The backend's path that is really meant. */
  readonly real: string;
}

/**
 * @param place with the right to write
 * @throws OperoneError as the change itself: `forbidden`, `not_found` and `conflict` for the directory above, `unsupported`
 *   where nothing can be written
 */
export async function landing(place: Place): Promise<Landing> {
  const { backend, access, path, shown } = place;
  access.check(path);
  const there = await backend.stat(access, path);
  const above = parentOf(path);
  const folder = await backend.stat(passing, above, { follow: true });
  if (folder === undefined)
    throw new OperoneError("not_found", `There is no directory "${shown(above)}"; make it first`);
  if (folder.kind !== "directory") throw new OperoneError("conflict", `"${shown(above)}" is no directory`);
  const real = path === "/" ? path : joined(folder.path, nameOf(path));
  access.check(real);
  await assertWritable(place, folder.path);
  return { there, real };
}

/** @param folder one that is there @throws OperoneError `unsupported` */
async function assertWritable({ backend, shown }: Place, folder: string): Promise<void> {
  if ((await backend.traits(passing, folder)).writable) return;
  throw new OperoneError("unsupported", `"${shown(folder)}" can only be read; choose another place`);
}

/**
 * Where a file would be written: through a link, as a write goes.
 *
 * @returns what would be replaced
 * @throws OperoneError `conflict`; as `landing`
 */
export async function fileLanding(place: Place, replace: boolean): Promise<Entry | undefined> {
  const { there } = await landing(place);
  await place.backend.rehearse?.(place.access, place.path, "file");
  if (there === undefined) return undefined;
  const shown = place.shown(place.path);
  const real = await place.backend.stat(place.access, place.path, { follow: true });
  if (real?.kind === "directory") throw new OperoneError("conflict", `"${shown}" is a directory`);
  if (!replace)
    throw new OperoneError("conflict", `There is a file at "${shown}" already; say replace to write over it`);
  if (real === undefined)
    throw new OperoneError("conflict", `"${shown}" is a link to what does not exist; write to its target`);
  return real;
}
