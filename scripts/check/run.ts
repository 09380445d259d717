import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

export interface Outcome {
  /** 0 is success; a signal or a time-out is 1 with the reason at the end of the output. */
  readonly code: number;
  readonly output: string;
}

export interface Place {
  readonly cwd: string;
  readonly env: Record<string, string | undefined>;
  /** A folder that is removed at the end. */
  readonly scratch: string;
}

const running = new Set<number>();

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone already, which is what we want.
  }
}

/** Ends every command that is still running, with all its children. */
export function killAll(): void {
  for (const pid of running) killGroup(pid);
}

/**
 * Runs a command in a process group of its own and kills what it leaves behind. Output goes through a file,
 * not a pipe: a child that outlives the command would keep a pipe open, and us waiting.
 */
export async function run(place: Place, argv: readonly string[], timeoutMs: number): Promise<Outcome> {
  const [command = "", ...args] = argv;
  const log = join(place.scratch, `${crypto.randomUUID()}.log`);
  const fd = openSync(log, "w");
  const child = spawn(command, args, {
    cwd: place.cwd,
    env: place.env,
    stdio: ["ignore", fd, fd],
    detached: true,
  });
  closeSync(fd);
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  let note = "";
  const timer = setTimeout(() => {
    note = `\nStopped: it ran for more than ${timeoutMs / 1000} s.\n`;
    if (pid !== undefined) killGroup(pid);
  }, timeoutMs);
  const code = await new Promise<number>((resolve) => {
    child.on("error", (error) => {
      note = `\nCould not run ${command}: ${error.message}\n`;
      resolve(1);
    });
    child.on("exit", (exit, signal) => {
      if (signal !== null && note === "") note = `\nEnded by ${signal}.\n`;
      resolve(exit ?? 1);
    });
  });
  clearTimeout(timer);
  if (pid !== undefined) {
    killGroup(pid);
    running.delete(pid);
  }
  const output = `${await readFile(log, "utf8")}${note}`;
  await rm(log, { force: true });
  return { code, output };
}
