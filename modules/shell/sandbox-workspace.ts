/** Which folders a confined command may be given. */
import { OperoneError } from "../../src/kernel/error.ts";
import { accountHomes, type Place, placeOf } from "../../src/platform/place.ts";

export interface Surroundings {
  /** The home of the node's user. */
  readonly home: string;
  readonly dataDirectory: string;
}

/** What the system runs or obeys: whoever may write there is root sooner or later. */
const systemFolders = [
  "/bin",
  "/boot",
  "/dev",
  "/etc",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/lost+found",
  "/nix",
  "/proc",
  "/run",
  "/sbin",
  "/snap",
  "/sys",
  "/usr",
  "/var",
];
/** Below these is people's work all the same. */
const workFolders = ["/usr/local/src", "/usr/src", "/var/tmp", "/var/www"];
/** Where programs of everybody meet, with sockets and half-written files. */
const meetingFolders = ["/home", "/tmp", "/var/tmp"];

/**
 * The workspace, when it is one: a real folder that is named by its real path, and holds nothing that others obey.
 *
 * @throws OperoneError `invalid_input` with the reason, `not_found`, `forbidden` when it cannot be looked at
 */
export async function checkedWorkspace(asked: string, surroundings: Surroundings): Promise<Place> {
  const path = asked.length > 1 ? asked.replace(/\/+$/, "") : asked;
  const refuse = (why: string) =>
    new OperoneError(
      "invalid_input",
      `${JSON.stringify(asked)} is not taken as a workspace: ${why}; name the folder of a project`,
    );
  if (!path.startsWith("/")) throw refuse("it is no absolute path");
  const place = await lookedAt(path);
  if (place.real !== path) {
    throw refuse(`a part of it is a link or "..", and it is really ${JSON.stringify(place.real)}`);
  }
  if (place.kind !== "directory") throw refuse("it is no directory");
  const why = await reasonAgainst(path, surroundings);
  if (why !== undefined) throw refuse(why);
  return place;
}

async function reasonAgainst(
  path: string,
  { home, dataDirectory }: Surroundings,
): Promise<string | undefined> {
  if (path === "/") return "it is the whole system";
  const system = systemFolderOf(path);
  if (system !== undefined) return `${system} belongs to the system`;
  if (meetingFolders.includes(path)) return "it is shared by all programs";
  const hidden = path.split("/").find((part) => part.startsWith("."));
  if (hidden !== undefined) return `"${hidden}" is a hidden folder, of which programs take their settings`;
  const data = await realOf(dataDirectory);
  if (isWithin(path, data)) return "it is in the data directory of this node";
  const held = await homeIn(path, home);
  return held === undefined ? undefined : `it holds a home directory (${held})`;
}

/** The folder of the system in which the path lies, where people do no work. */
export function systemFolderOf(path: string): string | undefined {
  if (workFolders.some((folder) => isWithin(path, folder) && path !== folder)) return undefined;
  return systemFolders.find((folder) => isWithin(path, folder));
}

/** A home directory that the path is or holds, `home` or another account's. */
export async function homeIn(path: string, home: string): Promise<string | undefined> {
  const homes = [await realOf(home), ...(await accountHomes())];
  return homes.find((one) => one !== "/" && isWithin(one, path));
}

/** Whether the path is the folder or lies below it. Both are real, or compared as they are written. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

async function lookedAt(path: string): Promise<Place> {
  try {
    return await placeOf(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const what = `The workspace ${JSON.stringify(path)}`;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new OperoneError("not_found", `${what} does not exist; make it, or name another`);
    }
    throw new OperoneError(
      "forbidden",
      `${what} cannot be looked at by this node's user (${code}); name another`,
    );
  }
}

export async function realOf(path: string): Promise<string> {
  return await placeOf(path).then(
    ({ real }) => real,
    () => path,
  );
}
