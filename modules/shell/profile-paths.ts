/** The paths of an owner's profile: which are taken, and how the sandbox shows them. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Share } from "./sandbox-policy.ts";
import { systemPaths } from "./sandbox-system.ts";
import { homeIn, isWithin, realOf, type Surroundings, systemFolderOf } from "./sandbox-workspace.ts";

/** Absolute, as they are on this machine. */
export interface ProfilePaths {
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Covered by something empty, even below the others and the workspace. */
  readonly hide: readonly string[];
}

export const noPaths: ProfilePaths = { read: [], write: [], hide: [] };

/** Folders of the machine itself, which tell of it or change it. */
const machineFolders = ["/dev", "/proc", "/sys"];

/** A folder before what lies in it, so that what is named more exactly is seen. */
export function sharesOf({ read, write }: ProfilePaths): readonly Share[] {
  return [
    ...read.map((path) => ({ path, writable: false })),
    ...write.map((path) => ({ path, writable: true })),
  ].toSorted((one, other) => one.path.length - other.path.length);
}

/**
 * What does not exist now may be made or mounted later, and is looked at again by the launcher, which follows no link.
 *
 * @throws OperoneError `invalid_input` with the first path that no profile may have, and why
 */
export async function assertPaths(profile: string, paths: ProfilePaths, around: Surroundings): Promise<void> {
  const data = await realOf(around.dataDirectory);
  for (const kind of ["read", "write", "hide"] as const) {
    for (const path of paths[kind]) {
      const why = (await reasonAgainst(path, data, around, kind)) ?? conflictOf(path, kind, paths);
      if (why === undefined) continue;
      throw new OperoneError(
        "invalid_input",
        `shell.profiles.${profile}.${kind} in the configuration names ${JSON.stringify(path)}, which is not taken: ${why}; name another path or leave it out`,
      );
    }
  }
}

async function reasonAgainst(
  path: string,
  data: string,
  { home }: Surroundings,
  kind: keyof ProfilePaths,
): Promise<string | undefined> {
  const real = await realOf(path);
  if (real !== path) return `it is really ${JSON.stringify(real)}, by a link`;
  if (kind === "hide") return undefined;
  if (isWithin(path, data)) return "it is in the data directory of this node";
  const machine = machineFolders.find((folder) => isWithin(path, folder));
  if (machine !== undefined) return `${machine} is the machine itself`;
  if (kind === "read" && systemPaths.some((folder) => isWithin(path, folder)))
    return "every profile reads it as it is";
  const held = await homeIn(path, home);
  if (held !== undefined) return `it holds a home directory (${held})`;
  if (kind === "read") return undefined;
  if (isWithin(data, path)) return "it holds the data directory of this node";
  const system = systemFolderOf(path);
  return system === undefined ? undefined : `${system} belongs to the system`;
}

/** What is covered or kept deeper could be moved to another name, and would be found there by the next command. */
function conflictOf(path: string, kind: keyof ProfilePaths, { write }: ProfilePaths): string | undefined {
  if (kind === "write") return undefined;
  if (kind === "read" && write.includes(path)) return "it is among those to be written too";
  const around = write.find((one) => one !== path && isWithin(path, one));
  if (around === undefined || !path.slice(around.length + 1).includes("/")) return undefined;
  return `it is not directly in ${JSON.stringify(around)}, which can be written, so it could be moved away`;
}
