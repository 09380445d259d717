/** What of a workspace no command may change: a second look at what the sandbox has already held. */
import type { OpenFolder } from "../../src/platform/open-folder.ts";
import type { Guard } from "./overlay-diff.ts";
import { protectedNames } from "./sandbox-policy.ts";
import { isWithin } from "./sandbox-workspace.ts";

export async function guardOf(workspace: OpenFolder): Promise<Guard> {
  const { pinned, folders, names } = protectedNames;
  const held = new Set<string>();
  for (const name of names) if ((await kindAt(workspace, name)) !== undefined) held.add(name);
  for (const name of folders)
    if ((await kindAt(workspace, name.slice(0, name.lastIndexOf("/")))) === "directory") held.add(name);
  for (const name of pinned) {
    const kind = await kindAt(workspace, name);
    if (kind !== undefined && kind !== "directory") held.add(name);
  }
  return (path) => ([...held].some((name) => isWithin(path, name)) ? "it is protected" : undefined);
}

async function kindAt(workspace: OpenFolder, path: string): Promise<"directory" | "other" | undefined> {
  const parts = path.split("/");
  await using folder = await workspace.below(parts.slice(0, -1));
  const facts = await folder?.facts(parts.at(-1) ?? ".");
  if (facts === undefined) return undefined;
  return facts.isDirectory() ? "directory" : "other";
}
