/** Puts a backup into an empty data directory: all of it, proven by its manifest, or nothing. */

import { mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createTarDecoder, type ParsedTarEntry } from "modern-tar";
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";
import { sha256 } from "../kernel/hash.ts";
import {
  type BackupFile,
  BackupManifest,
  backupFilesMax,
  manifestBytesMax,
  manifestName,
  safeEntryPath,
} from "./backup-format.ts";

export interface Restored {
  /** The version of operone that made the backup. */
  readonly version: string;
  readonly createdAtMs: number;
  readonly files: number;
  readonly sizeBytes: number;
}

/**
 * @param backup the tar stream
 * @param directory does not exist yet, or is empty
 * @throws OperoneError `conflict` for a folder that holds something, `invalid_input` for a backup that is cut off,
 *   was changed, or is none. Then the folder is as it was.
 */
export async function restoreBackup(
  backup: ReadableStream<Uint8Array>,
  directory: string,
): Promise<Restored> {
  await assertEmpty(directory);
  const unique = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("hex");
  const staging = `${directory}.restoring-${unique}`;
  await mkdir(staging, { recursive: true, mode: 0o700 });
  try {
    const manifest = await unpack(backup, staging);
    await syncFolder(staging);
    // The folder's own name is taken only now: until here a crash leaves it as it was.
    await rmdir(directory).catch(ignoreAbsent);
    await rename(staging, directory);
    await syncFolder(dirname(directory));
    const sizeBytes = manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);
    return {
      version: manifest.version,
      createdAtMs: manifest.createdAtMs,
      files: manifest.files.length,
      sizeBytes,
    };
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (error instanceof OperoneError) throw error;
    throw new OperoneError(
      "invalid_input",
      `The backup cannot be read: ${error instanceof Error ? error.message : String(error)}; nothing was restored`,
    );
  }
}

async function assertEmpty(directory: string): Promise<void> {
  const [name] = await readdir(directory)
    .catch(ignoreAbsent)
    .then((names) => names ?? []);
  if (name === undefined) return;
  throw new OperoneError(
    "conflict",
    `"${directory}" holds "${name}"; restore into an empty or a new folder, named with --data or OPERONE_HOME`,
  );
}

async function unpack(backup: ReadableStream<Uint8Array>, folder: string): Promise<BackupManifest> {
  const found = new Map<string, BackupFile>();
  let manifest: BackupManifest | undefined;
  const entries = backup.pipeThrough(createTarDecoder({ strict: true }));
  for await (const entry of entries) {
    const { name, type, size } = entry.header;
    if (manifest !== undefined) throw refused(`"${name}" comes after the manifest`);
    if (type !== "file" && type !== undefined)
      throw refused(`"${name}" is a ${type}, and a backup holds files alone`);
    const path = safeEntryPath(name);
    if (path === manifestName) {
      manifest = await readManifest(entry, size);
      continue;
    }
    if (found.has(path)) throw refused(`"${path}" is there twice`);
    if (found.size >= backupFilesMax) throw refused(`it holds more than ${backupFilesMax} files`);
    found.set(path, await writeEntry(entry, path, folder));
  }
  if (manifest === undefined)
    throw refused("its manifest is missing, so it was cut off or is no backup of Operone");
  assertWhole(manifest, found);
  return manifest;
}

async function writeEntry({ body }: ParsedTarEntry, path: string, folder: string): Promise<BackupFile> {
  const target = join(folder, path);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const hash = sha256();
  let sizeBytes = 0;
  await using file = await open(target, "wx", 0o600);
  for await (const chunk of body) {
    hash.update(chunk);
    sizeBytes += chunk.length;
    await file.writeFile(chunk);
  }
  await file.sync();
  return { path, sizeBytes, sha256: hash.digest("hex") };
}

async function readManifest({ body }: ParsedTarEntry, size: number): Promise<BackupManifest> {
  if (size > manifestBytesMax) throw refused(`its manifest has ${size} bytes`);
  const text = await new Response(body).text();
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), BackupManifest), text);
  if (parsed.success) return parsed.output;
  throw refused(
    `its manifest does not fit: ${v.summarize(parsed.issues).slice(0, 300)}; a newer operone may have made it`,
  );
}

function assertWhole(manifest: BackupManifest, found: ReadonlyMap<string, BackupFile>): void {
  for (const { path, sizeBytes, sha256 } of manifest.files) {
    const file = found.get(path);
    if (file === undefined) throw refused(`"${path}" is missing`);
    if (file.sizeBytes !== sizeBytes || file.sha256 !== sha256)
      throw refused(`"${path}" is not what it was when it was backed up`);
  }
  if (found.size !== manifest.files.length) throw refused("it holds files that its manifest does not name");
}

function refused(why: string): OperoneError {
  return new OperoneError("invalid_input", `The backup is refused: ${why}; nothing was restored`);
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await using folder = await open(path, "r");
  await folder.sync();
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}
