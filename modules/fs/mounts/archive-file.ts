/** The archive of a mount, looked at before it is mounted, and each time it is opened. */
import { OperoneError } from "../../../src/kernel/error.ts";
import { ArchiveBackend } from "../archive/archive-backend.ts";
import type { Access, Backend } from "../backend.ts";
import { absolutePath, mountOf } from "../file-path.ts";
import type { MountContext } from "../mount-kind.ts";

/** Mounts are the owner's. What is nobody's is refused by the backend all the same. */
const owner: Access = { allows: () => true, check: () => {}, unlimited: true };

/**
 * The archive's real path. It is what is kept, so that whoever may change a link on the way does not choose what is mounted
 * at the next start.
 *
 * @throws OperoneError `not_found`, `conflict` (no file), `forbidden` (the node's own), `invalid_input` (in a mount)
 */
export async function realArchive(text: string, { machine, name }: MountContext): Promise<string> {
  const path = absolutePath(text);
  if (mountOf(path) !== undefined)
    throw new OperoneError(
      "invalid_input",
      `"${path}" lies in a mount itself, and only archives on the machine's disk can be mounted; copy it there first`,
    );
  const entry = await machine.stat(owner, path, { follow: true });
  if (entry === undefined)
    throw new OperoneError("not_found", `There is no archive "${path}" to be mounted as "/@${name}"`);
  if (entry.kind === "file") return entry.path;
  throw new OperoneError("conflict", `"${path}" is no file; mount a folder with --kind local`);
}

/** @throws OperoneError `unavailable` when it leads elsewhere now */
export async function openArchive(path: string, context: MountContext): Promise<Backend> {
  const { machine, name, clock } = context;
  const entry = await machine.stat(owner, path, { follow: true });
  if (entry !== undefined && entry.path !== path)
    throw new OperoneError("unavailable", `"${path}" leads to "${entry.path}" now; mount that instead`);
  return new ArchiveBackend({ below: machine, access: owner, path, shown: `/@${name}`, clock });
}
