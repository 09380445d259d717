/** Folders that strangers have filled: their size, and their end, however deep they are and whatever their modes say. */
import { rm } from "node:fs/promises";
import { codeOf, OpenFolder } from "./open-folder.ts";

export interface ContentsSize {
  /** What they take, or would without holes. */
  readonly bytes: number;
  readonly entries: number;
}

export interface ContentsBounds {
  readonly entriesMax: number;
  readonly depthMax: number;
}

/**
 * Undefined when there is more than the bounds allow, or a folder that can be written and not be looked into. One that
 * can be neither is left out.
 */
export async function contentsSize(path: string, bounds: ContentsBounds): Promise<ContentsSize | undefined> {
  const size = { bytes: 0, entries: 0 };
  try {
    await using folder = await OpenFolder.at(path);
    return (await addSize(folder, size, bounds, 0)) ? size : undefined;
  } catch (error) {
    // It changes while it is measured.
    if (codeOf(error) === "ENOENT") return size;
    throw error;
  }
}

/** Undefined: it may not be read. */
async function namesIn(folder: OpenFolder): Promise<readonly string[] | undefined> {
  try {
    return await folder.names();
  } catch (error) {
    if (codeOf(error) === "EACCES") return undefined;
    throw error;
  }
}

const ownerMayWrite = 0o200n;

async function addSize(
  folder: OpenFolder,
  size: { bytes: number; entries: number },
  bounds: ContentsBounds,
  depth: number,
): Promise<boolean> {
  const names = await namesIn(folder);
  if (names === undefined) return ((await folder.ownFacts()).mode & ownerMayWrite) === 0n;
  for (const name of names) {
    const facts = await folder.facts(name).catch(() => undefined);
    size.entries += 1;
    if (size.entries > bounds.entriesMax) return false;
    if (facts === undefined) continue;
    size.bytes += Math.max(Number(facts.blocks) * 512, Number(facts.size));
    if (!facts.isDirectory()) continue;
    if (depth >= bounds.depthMax) return false;
    const inner = await folder.folder(name).catch(() => undefined);
    if (inner === undefined) continue;
    await using held = inner;
    if (!(await addSize(held, size, bounds, depth + 1))) return false;
  }
  return true;
}

/**
 * Removes the folder. Folders in it are first moved up beside each other, so that none is too deep to be reached and
 * no more than two are open at once.
 */
export async function removeFolder(path: string): Promise<void> {
  const top = await OpenFolder.at(path).catch((error) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (top === undefined) return;
  await using held = top;
  const waiting: string[] = [];
  let count = 0;
  const empty = async (folder: OpenFolder) => {
    for (const name of await folder.names()) {
      const facts = await folder.facts(name);
      if (facts?.isDirectory() !== true) {
        if (facts !== undefined) await folder.unlink(name);
        continue;
      }
      const inner = await folder.folder(name);
      await inner.setMode(0o700);
      await inner[Symbol.asyncDispose]();
      const place = `.removed-${count++}`;
      await folder.moveTo(name, held, place);
      waiting.push(place);
    }
  };
  await empty(held);
  for (const place of waiting) {
    await using folder = await held.folder(place);
    await empty(folder);
  }
  // What is left is flat: empty folders, and files whose names are no UTF-8.
  await rm(path, { recursive: true, force: true });
}
