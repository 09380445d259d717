/** `operone restore FILE`: a backup into an empty data directory, all of it or nothing. */
import { createReadStream, existsSync } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { OperoneError } from "../kernel/error.ts";
import { restoreBackup } from "../platform/restore.ts";
import type { CommandInput } from "./command.ts";

export async function restore({ directory, positional, json, terminal }: CommandInput): Promise<number> {
  const [name = ""] = positional;
  const restored = await restoreBackup(sourceOf(name), directory);
  const { version, createdAtMs, files, sizeBytes } = restored;
  if (json) {
    terminal.out(`${JSON.stringify({ directory, ...restored })}\n`);
    return 0;
  }
  const when = new Date(createdAtMs).toISOString();
  terminal.out(
    `Restored ${directory}: ${files} ${files === 1 ? "file" : "files"}, ${sizeBytes} bytes, of ${when}, made by operone ${version}.\n` +
      'Start it with "operone up". It is the same node as before, with the same keys: never run both.\n',
  );
  return 0;
}

/** A file, or `-` for what comes through a pipe. */
function sourceOf(name: string): ReadableStream<Uint8Array> {
  if (name === "-") return Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>;
  const file = resolve(name);
  if (!existsSync(file)) throw new OperoneError("not_found", `There is no file "${file}" to restore from`);
  return Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>;
}
