/** `operone down`: asks the node to stop and waits until its process has ended and its lock is free. */
import { OperoneError } from "../kernel/error.ts";
import { type Holder, isLocked, livingHolder } from "../platform/lock.ts";
import { type DataPaths, dataPaths } from "../platform/paths.ts";
import { startMarkOf } from "../platform/process-identity.ts";
import type { CommandInput } from "./command.ts";

const timeoutSecondsDefault = 30;
const pollMs = 10;
/** A killed process is gone within this time, unless the system is in trouble. */
const killedMs = 5_000;
/** From taking the lock to saying who holds it. */
const holderMs = 2_000;

export async function down({ directory, text, json, terminal }: CommandInput): Promise<number> {
  const paths = dataPaths(directory);
  const stopped = await stopNode(paths, timeoutMsOf(text("timeout")));
  if (json) terminal.out(`${JSON.stringify(stopped)}\n`);
  else terminal.out(`${sentence(paths, stopped)}\n`);
  return 0;
}

export type Stopped =
  | { readonly outcome: "not_running" }
  | { readonly outcome: "stopped" | "killed"; readonly pid: number };

/** @throws OperoneError `unavailable` when the holder cannot be reached from here, or does not end. */
export async function stopNode(paths: DataPaths, timeoutMs: number): Promise<Stopped> {
  if (!isLocked(paths)) return { outcome: "not_running" };
  await until(() => livingHolder(paths) !== undefined || !isLocked(paths), holderMs);
  const holder = livingHolder(paths);
  if (holder === undefined) {
    if (!isLocked(paths)) return { outcome: "not_running" };
    throw new OperoneError(
      "unavailable",
      `Some process holds ${paths.lock}, but it cannot be seen from here (another container?); stop it where it runs`,
    );
  }
  const ended = () => startMarkOf(holder.pid) !== holder.startMark && !isLocked(paths);
  send(holder, "SIGTERM");
  if (await until(ended, timeoutMs)) return { outcome: "stopped", pid: holder.pid };
  send(holder, "SIGKILL");
  if (await until(ended, killedMs)) return { outcome: "killed", pid: holder.pid };
  throw new OperoneError(
    "unavailable",
    `Process ${holder.pid} did not end, although it was killed; see its state with ps`,
  );
}

/** Looks again whether the number is still that of our process: numbers are given away again. */
function send(holder: Holder, signal: "SIGTERM" | "SIGKILL"): void {
  if (startMarkOf(holder.pid) !== holder.startMark) return;
  try {
    process.kill(holder.pid, signal);
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code;
    if (code === "ESRCH") return;
    throw new OperoneError(
      "forbidden",
      `Process ${holder.pid} runs the node and cannot be stopped by this user (${String(code)}); use the user that started it`,
    );
  }
}

async function until(done: () => boolean, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() >= end) return false;
    await Bun.sleep(pollMs);
  }
  return true;
}

function timeoutMsOf(text: string | undefined): number {
  if (text === undefined) return timeoutSecondsDefault * 1000;
  const seconds = Number(text);
  if (text.trim() === "" || !Number.isFinite(seconds) || seconds < 0 || seconds > 3600) {
    throw new OperoneError(
      "invalid_input",
      `--timeout ${JSON.stringify(text)} is no number of seconds from 0 to 3600`,
    );
  }
  return seconds * 1000;
}

function sentence(paths: DataPaths, stopped: Stopped): string {
  if (stopped.outcome === "not_running") return `No node is running in ${paths.directory}`;
  if (stopped.outcome === "stopped") return `Stopped the node in ${paths.directory} (process ${stopped.pid})`;
  return `Killed the node in ${paths.directory} (process ${stopped.pid}): it did not stop in time`;
}
