/** Removes the node's own files, and only them. */
import { lstatSync, readdirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";

export interface OwnFile {
  readonly path: string;
  readonly kind: "file" | "folder" | "link" | "socket" | "other";
  /** With everything below it. */
  readonly sizeBytes: number;
}

/** What is there of `names` in the folder, sorted. A link is a link, whatever it points to. */
export function ownFiles(folder: string, names: readonly string[]): readonly OwnFile[] {
  return readdirSync(folder)
    .filter((name) => names.includes(name))
    .sort()
    .map((name) => ({
      path: join(folder, name),
      kind: kindOf(join(folder, name)),
      sizeBytes: sizeOf(join(folder, name)),
    }));
}

/** Other names in the folder, sorted. */
export function otherFiles(folder: string, names: readonly string[]): readonly string[] {
  return readdirSync(folder)
    .filter((name) => !names.includes(name))
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
