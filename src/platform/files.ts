/** The node's own files on disk. */
import type { Stats } from "node:fs";
import { chmod, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OperoneError } from "../kernel/error.ts";
import type { FileFacts, Files } from "../kernel/ports.ts";

/** One read of a stream. Large enough for the disk's full speed, small enough for many streams at once. */
const chunkBytes = 256 * 1024;

export function diskFiles(): Files {
  return {
    read: (path, bytesMax) => orUndefined(() => read(path, bytesMax)),
    writePrivate: (path, data) => orExplained("write", path, () => writePrivate(path, data)),
    ensureDirectory: (path) => orExplained("make the directory", path, () => ensureDirectory(path)),
    facts: (path) => orUndefined(async () => factsOf(await stat(path))),
    list: async (path) => (await orUndefined(() => readdir(path)))?.toSorted() ?? [],
    remove: (path) => orExplained("remove", path, () => rm(path, { recursive: true, force: true })),
    stream,
    freeBytes: async (path) => {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    },
  };
}

/** Reads to the end rather than to the size that was told: files under /proc have none. */
async function read(path: string, bytesMax: number): Promise<Uint8Array> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  if (size > bytesMax) throw tooLarge(path, bytesMax);
  const parts: Uint8Array[] = [];
  for (let total = 0; ; ) {
    const part = new Uint8Array(Math.min(chunkBytes, Math.max(size, 4_096), bytesMax + 1 - total));
    const { bytesRead } = await file.read(part, 0, part.length);
    if (bytesRead === 0) return Buffer.concat(parts, total);
    total += bytesRead;
    if (total > bytesMax) throw tooLarge(path, bytesMax);
    parts.push(part.subarray(0, bytesRead));
  }
}

/**
 * After a crash at any moment the file holds the old bytes or the new ones, whole: the new bytes are on the disk
 * before they take the name, and the name is on the disk before this resolves.
 */
async function writePrivate(path: string, data: Uint8Array | string): Promise<void> {
  const directory = dirname(path);
  const unique = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("hex");
  const temporary = join(directory, `.${basename(path)}.${unique}.tmp`);
  try {
    {
      await using file = await open(temporary, "wx", 0o600);
      await file.writeFile(data);
      await file.sync();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory, and keeps names without it.
  if (process.platform === "win32") return;
  await using directory = await open(path, "r");
  await directory.sync();
}

async function ensureDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  // The parents that were made on the way are private by `mode`; one that was there before keeps its own mode.
  if (made === undefined) await chmod(path, 0o700);
}

function factsOf(stats: Stats): FileFacts {
  return {
    kind: stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other",
    sizeBytes: stats.size,
    mode: process.platform === "win32" ? 0 : stats.mode & 0o7777,
    modifiedMs: stats.mtimeMs,
    ...(process.platform === "win32" ? {} : { ownerId: stats.uid }),
  };
}

async function* stream(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const file = await orUndefined(() => open(path, "r"));
  if (file === undefined) throw new OperoneError("not_found", `There is no file "${path}"`);
  try {
    for (;;) {
      signal.throwIfAborted();
      // A new buffer each time: the reader may keep what it was given.
      const chunk = new Uint8Array(chunkBytes);
      const { bytesRead } = await file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function orUndefined<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

const advice: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; make room and try again",
  EDQUOT: "the disk quota is used up; make room and try again",
  EROFS: "the file system is read-only",
  EACCES: "this user has no right to; check the folder's owner and mode",
  EPERM: "this user has no right to; check the folder's owner and mode",
  ENOENT: "its folder does not exist",
  ENOTDIR: "a part of the path is a file",
};

async function orExplained<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const why = advice[codeOf(error) ?? ""];
    if (why === undefined) throw error;
    throw new OperoneError("unavailable", `Could not ${what} "${path}": ${why}`, undefined, { cause: error });
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function tooLarge(path: string, bytesMax: number): OperoneError {
  return new OperoneError("too_large", `"${path}" has more than the ${bytesMax} bytes that are read here`, {
    limitBytes: bytesMax,
  });
}
