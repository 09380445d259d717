/**
 * One place on the machine's disk, held so that what was judged stays what is used, whoever renames folders or puts
 * links in their place meanwhile.
 *
 * On Linux it is an open descriptor that needs no right to read (O_PATH), and /proc leads to it. Elsewhere it is a path
 * that was looked at before and is looked at again after: a change in between is noticed, and not always prevented.
 */
import type { Buffer } from "node:buffer";
import { type BigIntStats, constants, readlinkSync } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink, realpath, statfs } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import { isNameText, systemName, textOfName } from "../name-text.ts";
import { codeOf } from "../system-error.ts";

export type SystemPath = string | Buffer;

export interface HeldPlace extends AsyncDisposable {
  readonly facts: BigIntStats;
  /** Where it really is, no links in it; undefined when it has no name any more. */
  readonly real: string | undefined;
  /** What leads to it, for system calls, while it is held. */
  readonly path: SystemPath;
  /** A name in it. */
  child(name: string): SystemPath;
}

/** Holds what has this path, no link followed at its end. @throws the system's error */
export type Hold = (path: SystemPath) => Promise<HeldPlace>;

/** O_PATH of open(2), the same on x64 and arm64. */
const placeOnly = 0o10000000;

export const hold: Hold = process.platform === "linux" ? holdDescriptor : holdPath;

async function holdDescriptor(path: SystemPath): Promise<HeldPlace> {
  const handle = await open(
    typeof path === "string" ? systemName(path) : path,
    placeOnly | constants.O_NOFOLLOW,
  );
  try {
    const own = `/proc/self/fd/${handle.fd}`;
    const facts = await handle.stat({ bigint: true });
    // What the kernel holds in memory, whatever disk it is of: no thread is worth being asked for it.
    const text = facts.nlink === 0n ? undefined : textOfName(readlinkSync(own, { encoding: "buffer" }));
    return {
      facts,
      real: text,
      path: own,
      child: (name) => childOf(own, name),
      // Nothing was read or written through it, so there is nothing to wait for.
      async [Symbol.asyncDispose]() {
        void handle.close().catch(() => {});
      },
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function holdPath(system: SystemPath): Promise<HeldPlace> {
  const facts = await lstat(system, { bigint: true });
  const path = typeof system === "string" ? system : textOfName(system);
  const real = facts.isSymbolicLink() ? path : await realpath(system);
  return {
    facts,
    real,
    path: system,
    child: (name) => childOf(path, name),
    [Symbol.asyncDispose]: async () => {},
  };
}

function childOf(folder: string, name: string): SystemPath {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0"))
    throw new OperoneError("invalid_input", `${JSON.stringify(name)} is no name in a directory`);
  return systemName(`${folder}/${name}`);
}

/** What a link says, whatever its bytes are. */
export async function linkText(path: SystemPath): Promise<string> {
  return textOfName(await readlink(path, { encoding: "buffer" }));
}

/** Opens a regular file that is held, for reading. @throws OperoneError `conflict` for anything else */
export async function openHeld(place: HeldPlace, shown: string): Promise<FileHandle> {
  assertFile(place.facts, shown);
  const reading = constants.O_RDONLY | constants.O_NONBLOCK;
  // Through /proc the link itself is followed, and leads to nothing but what is held: there is nothing to compare.
  if (process.platform === "linux") return await open(place.path, reading);
  const file = await open(place.path, reading | constants.O_NOFOLLOW);
  const facts = await file.stat({ bigint: true });
  if (facts.ino === place.facts.ino && facts.dev === place.facts.dev) return file;
  await file.close();
  throw new OperoneError("conflict", `"${shown}" was replaced while it was opened; try again`);
}

/** @throws OperoneError `conflict` */
export function assertFile(facts: BigIntStats, shown: string): void {
  if (facts.isFile()) return;
  const what = facts.isDirectory() ? "a directory" : facts.isSymbolicLink() ? "a link" : kindText(facts);
  throw new OperoneError("conflict", `"${shown}" is ${what}, and not a file`);
}

function kindText(facts: BigIntStats): string {
  if (facts.isFIFO()) return "a pipe";
  if (facts.isSocket()) return "a socket";
  return "a device";
}

/** Of the file system of processes, see statfs(2). */
const processSystem = 0x9fa0;

/**
 * Whether it is in a second mount of the processes' file system, as in a folder that holds another system: the one at
 * /proc is judged by its names.
 */
export async function isOfProcesses(place: HeldPlace, host: string): Promise<boolean> {
  if (process.platform !== "linux" || host === "/proc" || host.startsWith("/proc/")) return false;
  // Disks have a major number, and what only the kernel holds has none.
  const isDisk = ((place.facts.dev >> 8n) & 0xfffn) !== 0n;
  return !isDisk && (await statfs(place.path)).type === processSystem;
}

/** The names in a directory. As bytes, which take more room, only where one of them is no text. */
export async function namesOf(folder: HeldPlace): Promise<readonly string[]> {
  const names = await readdir(folder.path);
  if (!names.some((name) => name.includes("\ufffd") || !isNameText(name))) return names;
  return (await readdir(folder.path, { encoding: "buffer" })).map(textOfName);
}

/** Undefined for what is not there. */
export async function orMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}
