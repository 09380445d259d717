/** `operone restore FILE`: a backup into an empty data directory, all of it or nothing. */
import { takeLock } from "../platform/lock.ts";
import { dataPaths } from "../platform/paths.ts";
import { fileStream, stdinStream } from "../platform/process-io.ts";
import { restoreBackup } from "../platform/restore.ts";
import type { CommandInput } from "./command.ts";
import { prepareHome, refuseLongSocketPath } from "./home.ts";
import { operoneVersion } from "./version.ts";

export async function restore({ directory, positional, json, terminal }: CommandInput): Promise<number> {
  const [name = ""] = positional;
  const paths = dataPaths(directory);
  refuseLongSocketPath(paths);
  const restored = await restoreBackup(name === "-" ? stdinStream() : fileStream(name), directory);
  prepareHome(directory);
  // Marks the folder as ours, so that it can be uninstalled before its first start too.
  takeLock(paths, operoneVersion, Date.now()).release();
  if (json) {
    terminal.out(`${JSON.stringify({ directory, ...restored })}\n`);
    return 0;
  }
  const { version, createdAtMs, files, sizeBytes } = restored;
  const when = new Date(createdAtMs).toISOString();
  terminal.out(
    `Restored ${directory}: ${files} ${files === 1 ? "file" : "files"}, ${sizeBytes} bytes, of ${when}, made by operone ${version}.\n` +
      'Start it with "operone up". It is the same node as before, with the same keys: never run both.\n',
  );
  return 0;
}
