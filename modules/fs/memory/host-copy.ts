/** Between memory and the place of the machine where the trash keeps what was removed. */
import type { Stats } from "node:fs";
import { lstat, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { OperoneError } from "../../../src/kernel/error.ts";
import { explained } from "../system-error.ts";
import { chunksOf, type MemoryNode } from "./memory-node.ts";

const chunkBytes = 256 * 1024;

/** All of it is on the disk when this resolves, or nothing. @param all a directory before what it holds */
export async function writeHost(
  all: readonly (readonly [string, MemoryNode])[],
  top: string,
  host: string,
): Promise<void> {
  try {
    await explained("remove", top, async () => {
      for (const [path, node] of all) {
        const to = host + path.slice(top.length);
        if (node.kind === "directory") await mkdir(to, { mode: 0o700 });
        else await writeFile(to, node);
      }
    });
  } catch (error) {
    await rm(host, { recursive: true, force: true });
    throw error;
  }
}

async function writeFile(to: string, node: Extract<MemoryNode, { kind: "file" }>): Promise<void> {
  await using file = await open(to, "wx", 0o600);
  for await (const chunk of chunksOf(node, new AbortController().signal)) await file.writeFile(chunk);
  await file.utimes(node.modifiedMs / 1_000, node.modifiedMs / 1_000);
  await file.sync();
}

export interface HostEntry {
  /** Below where it began; "" for that itself. */
  readonly relative: string;
  readonly facts: Stats;
  content(): AsyncGenerator<Uint8Array, void>;
}

/** @throws OperoneError `unsupported` for what is neither a file nor a directory: it did not come from memory */
export async function* readHost(host: string): AsyncGenerator<HostEntry, void> {
  const waiting = [""];
  for (const relative of waiting) {
    const at = join(host, relative);
    const facts = await explained("restore", relative, () => lstat(at));
    if (!facts.isFile() && !facts.isDirectory())
      throw new OperoneError(
        "unsupported",
        `"${relative}" is neither a file nor a directory, and no other can be restored there`,
      );
    yield { relative, facts, content: () => bytesOf(at) };
    if (!facts.isDirectory()) continue;
    for (const name of await readdir(at)) waiting.push(relative === "" ? name : `${relative}/${name}`);
  }
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array, void> {
  await using file = await open(path, "r");
  for (;;) {
    const chunk = new Uint8Array(chunkBytes);
    const { bytesRead } = await file.read(chunk, 0, chunk.length);
    if (bytesRead === 0) return;
    yield chunk.subarray(0, bytesRead);
  }
}
