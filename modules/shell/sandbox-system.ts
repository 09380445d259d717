/** What of this machine is in every sandbox, and where. */
import { linkText } from "../../src/platform/place.ts";
import { isWithin, realOf } from "./sandbox-workspace.ts";

export interface System {
  readonly folders: readonly string[];
  readonly links: readonly { readonly text: string; readonly path: string }[];
}

/** What programs need of a system. The rest, with all data, logs and sockets, is not there. */
export const systemPaths: readonly string[] = [
  "/usr",
  "/etc",
  "/opt",
  "/nix",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
];

export async function systemOf(): Promise<System> {
  const folders: string[] = [];
  const links: { text: string; path: string }[] = [];
  for (const path of systemPaths) {
    const text = await linkText(path);
    if (text === undefined) folders.push(path);
    else if (text !== null) links.push({ text, path });
  }
  return { folders, links };
}

/** Many systems keep it in /run, which is not there. */
export async function resolverFile(): Promise<readonly string[]> {
  const real = await realOf("/etc/resolv.conf");
  return isWithin(real, "/run") ? [real] : [];
}

export interface Places {
  /** Inside. */
  readonly home: string;
  /** The data directory by its real path. */
  readonly data: string;
}

/** Where the data directory is or holds the home, as for the user of a service, the home is elsewhere to be seen. */
export async function placesOf({
  home,
  dataDirectory,
}: {
  readonly home: string;
  readonly dataDirectory: string;
}): Promise<Places> {
  const data = await realOf(dataDirectory);
  const covered = [dataDirectory, data].some((folder) => isWithin(home, folder));
  return { home: homeInside(covered ? "/" : home), data };
}

/** The same path, so that programs find what they expect; another where the system or nothing is. */
function homeInside(home: string): string {
  const taken =
    home === "/" || home === "/tmp" || [...systemPaths, "/proc", "/dev"].some((path) => isWithin(home, path));
  return !home.startsWith("/") || taken ? "/home/sandbox" : home;
}
