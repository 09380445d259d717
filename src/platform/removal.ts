/** Removes the node's own files, and only them. */
import { lstatSync, readdirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";

export interface OwnFile {
  readonly path: string;
  readonly kind: "file" | "folder" | "link" | "socket" | "other";
  /** With everything below it. */
  readonly sizeBytes: number;
}

/** A file that was being written when its process ended: `Files.writePrivate` names them so. */
export function isUnfinished(name: string): boolean {
  return /^\..+\.[0-9a-f]{12}\.tmp$/.test(name);
}

/** For the process that holds the lock: nobody else is writing them any more. */
export function removeUnfinished(folders: readonly string[]): void {
  for (const folder of folders) {
    if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
    for (const name of readdirSync(folder))
      if (isUnfinished(name)) rmSync(join(folder, name), { force: true });
  }
}

/** What is there of our own in the folder, sorted. A link is a link, whatever it points to. */
export function ownFiles(folder: string, isOwn: (name: string) => boolean): readonly OwnFile[] {
  return readdirSync(folder)
    .filter(isOwn)
    .sort()
    .map((name) => ({
      path: join(folder, name),
      kind: kindOf(join(folder, name)),
      sizeBytes: sizeOf(join(folder, name)),
    }));
}

/** Other names in the folder, sorted. */
export function otherFiles(folder: string, isOwn: (name: string) => boolean): readonly string[] {
  return readdirSync(folder)
    .filter((name) => !isOwn(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Links are unlinked, never followed, at any depth. */
export function removeOwn(file: OwnFile): void {
  if (file.kind === "folder") rmSync(file.path, { recursive: true, force: true });
  else unlinkSync(file.path);
}

/** Only when nothing is left in it. */
export function removeEmptyFolder(folder: string): void {
  rmdirSync(folder);
}

function kindOf(path: string): OwnFile["kind"] {
  const facts = lstatSync(path);
  if (facts.isSymbolicLink()) return "link";
  if (facts.isDirectory()) return "folder";
  if (facts.isFile()) return "file";
  return facts.isSocket() ? "socket" : "other";
}

function sizeOf(path: string): number {
  const facts = lstatSync(path);
  if (!facts.isDirectory()) return facts.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
