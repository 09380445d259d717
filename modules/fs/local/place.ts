/**
 * One place on the machine's disk, held so that what was judged stays what is used, whoever renames folders or puts
 * links in their place meanwhile.
 *
 * On Linux it is an open descriptor that needs no right to read (O_PATH), and /proc leads to it. Elsewhere it is a path
 * that was looked at before and is looked at again after: a change in between is noticed, and not always prevented.
 */
import type { Buffer } from "node:buffer";
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open, readlink, realpath } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import { systemName, textOfName } from "../name-text.ts";
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
    const text = facts.nlink === 0n ? undefined : await linkText(own);
    return {
      facts,
      real: text,
      path: own,
      child: (name) => childOf(own, name),
      [Symbol.asyncDispose]: () => handle.close(),
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
  // Through /proc the link itself is followed, and leads to nothing but what is held.
  const noFollow = process.platform === "linux" ? 0 : constants.O_NOFOLLOW;
  const file = await open(place.path, constants.O_RDONLY | constants.O_NONBLOCK | noFollow);
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

/** Undefined for what is not there. */
export async function orMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}
