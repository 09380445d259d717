/** A folder of the machine, looked at before it is mounted, and each time it is opened. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Access, Backend, Entry } from "../backend.ts";
import { absolutePath, mountOf } from "../file-path.ts";
import type { MountContext } from "../mount-kind.ts";

/** Mounts are the owner's. What is nobody's is refused by the backend all the same. */
const owner: Access = { allows: () => true, check: () => {}, unlimited: true };

/**
 * The folder's real path. It is what is kept, so that whoever may change a link on the way does not choose what is mounted
 * at the next start.
 *
 * @throws OperoneError `invalid_input` (a mount), `not_found`, `conflict` (no directory), `forbidden` (the node's own)
 */
export async function realFolder(text: string, { machine, name }: MountContext): Promise<string> {
  const path = absolutePath(text);
  if (mountOf(path) !== undefined) {
    throw new OperoneError(
      "invalid_input",
      `"${path}" lies in a mount, and only a folder of the machine can be mounted; name the folder itself`,
    );
  }
  const entry = await machine.stat(owner, path, { follow: true });
  if (entry === undefined) {
    throw new OperoneError(
      "not_found",
      `There is no directory "${path}" to be mounted as "/@${name}"; make it first`,
    );
  }
  assertDirectory(entry);
  return entry.path;
}

/** @throws OperoneError `unavailable`, also when it is no longer what was mounted */
export async function openFolder(path: string, { machine, folder, name }: MountContext): Promise<Backend> {
  const entry = await machine.stat(owner, path, { follow: false });
  if (entry?.kind !== "directory") {
    const why = entry === undefined ? "is not there" : "is no directory any more";
    throw new OperoneError(
      "unavailable",
      `The directory "${path}" ${why}; bring it back, or take the mount away with "operone fs unmount ${name}"`,
    );
  }
  if (entry.path !== path)
    throw new OperoneError("unavailable", `"${path}" leads to "${entry.path}" now; mount that instead`);
  return folder(path === "/" ? "" : path);
}

function assertDirectory({ kind, path }: Entry): void {
  if (kind === "directory") return;
  throw new OperoneError("conflict", `"${path}" is no directory; mount the one that it lies in`);
}
