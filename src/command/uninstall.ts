/** `operone uninstall`: lists what Operone made on this machine, asks, and removes exactly that. */
import { OperoneError } from "../kernel/error.ts";
import { isLocked, livingHolder, takeLock } from "../platform/lock.ts";
import { type DataPaths, dataPaths, isDataDirectory } from "../platform/paths.ts";
import { type OwnFile, otherFiles, ownFiles, removeEmptyFolder, removeOwn } from "../platform/removal.ts";
import { isCompiled } from "../platform/self.ts";
import type { CommandInput } from "./command.ts";
import { stopNode } from "./down.ts";
import { isOwnName } from "./own-names.ts";
import { operoneVersion } from "./version.ts";

const stopTimeoutMs = 30_000;

export async function uninstall({ directory, flag, json, terminal }: CommandInput): Promise<number> {
  const paths = dataPaths(directory);
  if (!isDataDirectory(directory)) throw notOurs(directory);
  const made = ownFiles(directory, isOwnName);
  const kept = otherFiles(directory, isOwnName);
  const running = isLocked(paths);
  const { Records } = await import("./mcp-records.ts");
  const connected = await new Records(directory).all();
  if (!json) terminal.err(listing(paths, made, kept, running) + connections(connected));
  if (!flag("yes")) {
    const answer = await terminal.ask(
      "Remove all this? The node's tokens and records cannot be brought back. [y/N] ",
    );
    if (answer === undefined) {
      throw new OperoneError(
        "invalid_input",
        `Nothing was removed: nobody is there to ask; "operone uninstall --yes" does not ask`,
      );
    }
    if (!/^y(es)?$/i.test(answer.trim())) throw new OperoneError("cancelled", "Nothing was removed");
  }
  if (running) await stopNode(paths, stopTimeoutMs);
  const { removed, left } = removeAll(paths);
  if (json) {
    terminal.out(
      `${JSON.stringify({ removed: removed.map((file) => file.path), kept: left, program: programHint() })}\n`,
    );
  } else {
    terminal.out(
      `Removed ${removed.length} ${removed.length === 1 ? "entry" : "entries"}${left.length === 0 ? ` and ${directory}` : ""}\n`,
    );
    terminal.out(`${programHint()}\n`);
  }
  return 0;
}

/** Under the lock, so that no node starts meanwhile; the lock itself goes last. */
function removeAll(paths: DataPaths): {
  readonly removed: readonly OwnFile[];
  readonly left: readonly string[];
} {
  const { directory } = paths;
  const lock = takeLock(paths, operoneVersion, Date.now());
  const removed = ownFiles(directory, isOwnName).filter((file) => file.path !== paths.holder);
  for (const file of removed) if (file.path !== paths.lock) removeOwn(file);
  lock.release();
  for (const file of ownFiles(directory, (name) => name === "lock")) removeOwn(file);
  const left = otherFiles(directory, () => false);
  if (left.length === 0) removeEmptyFolder(directory);
  return { removed, left };
}

function listing(
  paths: DataPaths,
  made: readonly OwnFile[],
  kept: readonly string[],
  running: boolean,
): string {
  const pid = livingHolder(paths)?.pid;
  const lines = [`Operone made this in ${paths.directory}:`];
  for (const { path, kind, sizeBytes } of made) lines.push(`  ${path}  (${kind}, ${sizeBytes} bytes)`);
  if (running)
    lines.push(`  a running node${pid === undefined ? "" : `, process ${pid}`}: it will be stopped`);
  lines.push("It made no services and no completion files; those you wrote from its output are yours.");
  if (kept.length > 0) lines.push("Not made by it, and kept:", ...kept.map((path) => `  ${path}`));
  return `${lines.join("\n")}\n`;
}

/** They are in files of other programs, which are changed only when somebody has seen the change. */
function connections(connected: readonly { readonly client: string; readonly real: string }[]): string {
  if (connected.length === 0) return "";
  const lines = connected.map(({ client, real }) => `  ${real}  (operone mcp disconnect ${client})\n`);
  return `Programs are connected to it, and their entries stay unless you take them out first:\n${lines.join("")}`;
}

function programHint(): string {
  if (!isCompiled()) return "The program runs from its sources; remove their folder to remove it.";
  return `The program itself is one file; remove it with: rm '${process.execPath.replaceAll("'", "'\\''")}'`;
}

function notOurs(directory: string): OperoneError {
  return new OperoneError(
    "not_found",
    `${directory} is no data directory of Operone (or only a link to one), so nothing was removed; name one with --data or OPERONE_HOME`,
  );
}
