/** Makes a backup of a data directory while its node runs: consistent SQLite files, flat memory. */

import { createReadStream } from "node:fs";
import { lstat, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { createTarPacker } from "modern-tar";
import { OperoneError } from "../kernel/error.ts";
import { sha256 } from "../kernel/hash.ts";
import type { Backups, Clock } from "../kernel/ports.ts";
import {
  type BackupFile,
  backupFilesMax,
  backupFormat,
  manifestName,
  pathDepthMax,
} from "./backup-format.ts";
import { isUnfinished } from "./removal.ts";
import { isCompiled } from "./self.ts";
import type { SnapshotAnswer, SnapshotRequest } from "./snapshot.worker.ts";

/** Of this run and this machine, or without worth to another: they are made anew. */
const leftOut: ReadonlySet<string> = new Set([
  "lock",
  "log",
  "operone.sock",
  "output.log",
  "output.log.1",
  "running.json",
  "running.json.new",
  "shell/children",
  "shell/sessions",
]);

export interface BackupOptions {
  readonly directory: string;
  readonly version: string;
  readonly clock: Clock;
}

export function dataBackups(options: BackupOptions): Backups {
  return {
    create: () => {
      const stamp = new Date(options.clock.nowMs()).toISOString().slice(0, 19).replaceAll(/[-:]/g, "");
      return { fileName: `operone-backup-${stamp}.tar`, open: () => packed(options) };
    },
  };
}

async function* packed(options: BackupOptions): AsyncGenerator<Uint8Array> {
  // Loaded when a backup is made, not when a node starts.
  const tar = await import("modern-tar");
  const { readable, controller } = tar.createTarPacker();
  const reader = readable.getReader();
  const temporary = new Set<string>();
  const packing = pack(options, controller, temporary).catch((error) => controller.error(error));
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    // A reader that left early: the packer's next write fails, and its copies go.
    await reader.cancel().catch(() => {});
    controller.error(new OperoneError("cancelled", "The backup was not read to its end"));
    await packing;
    for (const path of temporary) await rm(path, { force: true });
  }
}

type Packer = ReturnType<typeof createTarPacker>["controller"];

async function pack(
  { directory, version, clock }: BackupOptions,
  packer: Packer,
  temporary: Set<string>,
): Promise<void> {
  const files: BackupFile[] = [];
  const createdAtMs = clock.nowMs();
  for await (const path of filesBelow(directory, "")) {
    if (files.length >= backupFilesMax) {
      throw new OperoneError(
        "too_large",
        `"${directory}" has more than ${backupFilesMax} files; copy it with the node stopped`,
      );
    }
    const source = path.endsWith(".db")
      ? await snapshot(join(directory, path), temporary)
      : join(directory, path);
    files.push(await addFile(packer, path, source));
    if (temporary.delete(source)) await rm(source, { force: true });
  }
  const manifest = new TextEncoder().encode(
    JSON.stringify({ format: backupFormat, version, createdAtMs, files }),
  );
  const entry = packer
    .add({ name: manifestName, size: manifest.length, type: "file", mode: 0o600 })
    .getWriter();
  await entry.write(manifest);
  await entry.close();
  packer.finalize();
}

/** Regular files only: a socket is of this run, and a link could lead anywhere. */
async function* filesBelow(directory: string, prefix: string): AsyncGenerator<string> {
  for (const name of (await readdir(join(directory, prefix))).toSorted()) {
    const path = prefix === "" ? name : `${prefix}/${name}`;
    if (leftOut.has(path) || isUnfinished(name) || /-(wal|shm|journal)$/.test(name)) continue;
    const facts = await lstat(join(directory, path));
    if (facts.isDirectory() && path.split("/").length < pathDepthMax) yield* filesBelow(directory, path);
    else if (facts.isFile()) yield path;
  }
}

async function addFile(packer: Packer, path: string, source: string): Promise<BackupFile> {
  const { size, mtimeMs } = await stat(source);
  const hash = sha256();
  const entry = packer
    .add({ name: path, size, type: "file", mode: 0o600, mtime: new Date(mtimeMs) })
    .getWriter();
  let sizeBytes = 0;
  for await (const chunk of createReadStream(source, { highWaterMark: 256 * 1024 })) {
    sizeBytes += chunk.length;
    if (sizeBytes > size) break;
    hash.update(chunk);
    await entry.write(chunk);
  }
  if (sizeBytes !== size) {
    throw new OperoneError("conflict", `"${path}" changed while it was copied; make the backup again`);
  }
  await entry.close();
  return { path, sizeBytes, sha256: hash.digest("hex") };
}

/** A copy beside the original, under a name that the next start removes if this process is killed. */
async function snapshot(source: string, temporary: Set<string>): Promise<string> {
  const unique = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("hex");
  const target = join(dirname(source), `.${basename(source)}.${unique}.tmp`);
  temporary.add(target);
  // In the compiled program only the path as the build knows it finds the worker.
  const compiledPath = "./src/platform/snapshot.worker.ts";
  const worker = new Worker(isCompiled() ? compiledPath : new URL("./snapshot.worker.ts", import.meta.url));
  try {
    const problem = await new Promise<SnapshotAnswer>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<SnapshotAnswer>) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage({ source, target } satisfies SnapshotRequest);
    });
    if (problem === undefined) return target;
    throw new OperoneError("unavailable", `"${source}" could not be copied for the backup: ${problem}`);
  } finally {
    worker.terminate();
  }
}
