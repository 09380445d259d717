/**
 * Between a backend that is not the machine's disk, and the place of the machine where the trash keeps what was removed:
 * by copies, of which nothing of the original goes before all of it is on the disk.
 */
import { mkdir, open, rm } from "node:fs/promises";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Access, Backend, Entry } from "./backend.ts";
import { joined } from "./file-path.ts";
import { readHost } from "./memory/host-copy.ts";

/** @throws OperoneError `unsupported` for links and the like, `conflict` when it changed meanwhile (then it stays) */
export async function takeOutByCopy(
  backend: Backend,
  access: Access,
  path: string,
  host: string,
): Promise<Entry> {
  await backend.assertWhole(access, path);
  const top = await backend.stat(access, path);
  if (top === undefined) throw new OperoneError("not_found", `There is nothing at "${path}"`);
  const signal = new AbortController().signal;
  const all = [top];
  try {
    for (const entry of all) {
      const to = host + entry.path.slice(top.path.length);
      if (entry.kind === "directory") {
        await mkdir(to, { mode: 0o700 });
        for await (const batch of backend.list(access, entry.path, signal)) all.push(...batch);
      } else if (entry.kind === "file") await fetchFile(backend, access, entry, to);
      else
        throw new OperoneError(
          "unsupported",
          `"${entry.path}" is neither a file nor a directory, and only these go to the trash from here; remove it for good with --permanent`,
        );
    }
  } catch (error) {
    await rm(host, { recursive: true, force: true });
    throw error;
  }
  for (const entry of all.toReversed()) {
    const now = await backend.stat(access, entry.path);
    if (now?.etag !== entry.etag)
      throw new OperoneError(
        "conflict",
        `"${entry.path}" changed while it was removed; a copy is in the trash`,
      );
    await backend.remove(access, entry.path);
  }
  return top;
}

async function fetchFile(backend: Backend, access: Access, entry: Entry, to: string): Promise<void> {
  await using file = await backend.open(access, entry.path);
  if (file.entry.etag !== entry.etag)
    throw new OperoneError("conflict", `"${entry.path}" changed while it was removed; try again`);
  await using copy = await open(to, "wx", 0o600);
  for await (const chunk of file.read(new AbortController().signal)) await copy.writeFile(chunk);
  await copy.utimes(entry.modifiedMs / 1_000, entry.modifiedMs / 1_000);
  await copy.sync();
}

/** What was made of it is removed again when the rest fails. */
export async function bringInByCopy(
  backend: Backend,
  access: Access,
  host: string,
  path: string,
): Promise<Entry> {
  if ((await backend.stat(access, path)) !== undefined)
    throw new OperoneError("conflict", `Something is at "${path}" already; choose another place`);
  const made: string[] = [];
  try {
    for await (const { relative, facts, content } of readHost(host)) {
      const inner = relative === "" ? path : joined(path, relative);
      if (facts.isDirectory()) await backend.makeDirectory(access, inner);
      else {
        const modifiedMs = Math.floor(facts.mtimeMs);
        await backend.write(access, inner, content(), { mode: "create", modifiedMs });
      }
      made.push(inner);
    }
  } catch (error) {
    for (const inner of made.toReversed()) await backend.remove(access, inner).catch(() => {});
    throw error;
  }
  const entry = await backend.stat(access, path);
  if (entry !== undefined) return entry;
  throw new OperoneError("conflict", `"${path}" was taken away while it was restored`);
}
