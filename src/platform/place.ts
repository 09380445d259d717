/** What lies at a path of the user's, for those who must know exactly what a path means. */
import { lstat, readFile, readlink, realpath } from "node:fs/promises";

export interface Place {
  /** The path without any link in it. */
  readonly real: string;
  readonly kind: "directory" | "other";
  readonly ownerId: number;
  readonly groupId: number;
}

/** @throws the system's error, such as ENOENT or EACCES */
export async function placeOf(path: string): Promise<Place> {
  const real = await realpath(path);
  const facts = await lstat(real);
  return {
    real,
    kind: facts.isDirectory() ? "directory" : "other",
    ownerId: facts.uid,
    groupId: facts.gid,
  };
}

/** What a symbolic link says; undefined when it is none, and null when there is nothing. */
export async function linkText(path: string): Promise<string | undefined | null> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch {
    return null;
  }
}

/** The home directories of this system's accounts, as /etc/passwd lists them. */
export async function accountHomes(): Promise<readonly string[]> {
  const text = await readFile("/etc/passwd", "utf8").catch(() => "");
  const homes = text.split("\n").map((line) => line.split(":")[5] ?? "");
  return [...new Set(homes.filter((home) => home.startsWith("/")))];
}
