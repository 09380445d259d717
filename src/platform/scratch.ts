/** A folder for one command that has no file system of its own. */
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Scratch {
  readonly path: string;
  remove(): void;
}

/** Nobody else's; `owner` may be given by root alone. */
export function makeScratch(owner?: { readonly user: number; readonly group: number }): Scratch {
  const path = mkdtempSync(join(tmpdir(), "operone-command-"));
  if (owner !== undefined) chownSync(path, owner.user, owner.group);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
