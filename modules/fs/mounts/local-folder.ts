/** A folder of the machine, looked at before it is mounted, each time it is opened, and before each use. */
import { lstat } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Access, Backend, Entry } from "../backend.ts";
import { absolutePath, mountOf, parentOf } from "../file-path.ts";
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

/**
 * Where the disk that holds a path hangs in the tree. Undefined: the path is not there. A folder that is mounted elsewhere
 * from the same disk (a bind mount) is not told from it.
 */
export async function diskOf(path: string): Promise<string | undefined> {
  const above = [path];
  for (let at = path; at !== "/"; at = parentOf(at)) above.push(parentOf(at));
  const devices = await Promise.all(above.map(deviceOf));
  const [own] = devices;
  if (own === undefined) return undefined;
  const beyond = devices.findIndex((device) => device !== own);
  return beyond < 0 ? "/" : above[beyond - 1];
}

function deviceOf(path: string): Promise<number | undefined> {
  return lstat(path).then(
    ({ dev }) => dev,
    () => undefined,
  );
}

/**
 * When a disk is taken away, an empty folder of another one lies at its place, which must not be written to instead. What
 * is missing altogether is the backend's to tell.
 *
 * @throws OperoneError `unavailable`
 */
export async function assertDisk(path: string, disk: string | undefined): Promise<void> {
  if (disk === undefined) return;
  // Fewer than `diskOf` asks for: this is before each use.
  const [own, top, above] = await Promise.all([path, disk, parentOf(disk)].map(deviceOf));
  if (own === undefined || (own === top && (disk === "/" || top !== above))) return;
  throw new OperoneError(
    "unavailable",
    "The disk of the folder that is given here is not where it was; attach it, or unmount the folder, and mount it anew",
  );
}

function assertDirectory({ kind, path }: Entry): void {
  if (kind === "directory") return;
  throw new OperoneError(
    "conflict",
    `"${path}" is no directory; mount the one that it lies in, or an archive with --kind archive`,
  );
}
