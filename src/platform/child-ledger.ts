/**
 * Remembers the running children in a file, so that the next node can end what a killed one left behind. Linux only:
 * elsewhere nothing tells a process from a later one with the same number, and a stranger must never be killed.
 *
 * A line for each start, `+<pid> <start ticks>`, and for each end, `-<pid>`, below the boot's id. The lines are written
 * without a flush to the disk: they have to survive this process, not the system, whose end also ends the children.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { familyOf, readProcess, readProcessTable } from "./process-table.ts";

/** Beyond this the file is begun anew, with those that still run. */
const bytesMax = 64 * 1024;
/** A file of another program is not read whole. */
const leftoverLinesMax = 100_000;

export interface ChildLedger {
  started(pid: number): void;
  ended(pid: number): void;
  /** Kills the families of the children that the file names, and forgets them. Returns how many were found. */
  endLeftovers(): number;
}

/** Remembers nothing. */
export const noLedger: ChildLedger = { started() {}, ended() {}, endLeftovers: () => 0 };

export function childLedger(path: string): ChildLedger {
  return process.platform === "linux" ? new LinuxLedger(path) : noLedger;
}

class LinuxLedger implements ChildLedger {
  readonly #path: string;
  readonly #running = new Map<number, string>();
  #fd: number | undefined;
  #sizeBytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  started(pid: number): void {
    const startTicks = readProcess(pid)?.startTicks;
    if (startTicks === undefined) return;
    this.#running.set(pid, startTicks);
    this.#write(`+${pid} ${startTicks}\n`);
  }

  ended(pid: number): void {
    if (!this.#running.delete(pid)) return;
    if (this.#sizeBytes > bytesMax) this.#rewrite();
    else this.#write(`-${pid}\n`);
  }

  endLeftovers(): number {
    const left = leftovers(this.#path);
    const table = left.size === 0 ? new Map() : readProcessTable();
    let found = 0;
    for (const [pid, startTicks] of left) {
      if (table.get(pid)?.startTicks !== startTicks) continue;
      found += 1;
      for (const row of familyOf(pid, table)) {
        // Between the look at the table and now the number could only have changed hands by a full turn of all pids.
        if (readProcess(row.pid)?.startTicks === row.startTicks) tryKill(row.pid);
      }
    }
    this.#rewrite();
    return found;
  }

  #rewrite(): void {
    const lines = [...this.#running].map(([pid, startTicks]) => `+${pid} ${startTicks}\n`);
    try {
      if (this.#fd === undefined) truncateSync(this.#path);
      else ftruncateSync(this.#fd);
      this.#sizeBytes = 0;
    } catch {
      this.#forgetFile();
    }
    if (lines.length > 0) this.#write(lines.join(""));
  }

  /** A command must run although its line cannot be written, on a full disk for example. */
  #write(lines: string): void {
    try {
      const fd = this.#fd ?? this.#open();
      const head = this.#sizeBytes === 0 ? `${bootId()}\n` : "";
      this.#sizeBytes += writeSync(fd, head + lines);
    } catch {
      this.#forgetFile();
    }
  }

  #open(): number {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    this.#fd = openSync(this.#path, "a", 0o600);
    ftruncateSync(this.#fd);
    this.#sizeBytes = 0;
    return this.#fd;
  }

  #forgetFile(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      closeSync(fd);
    } catch {
      // Released all the same.
    }
  }
}

/** Pid and start of the children that had started and not ended, of this boot. */
function leftovers(path: string): ReadonlyMap<number, string> {
  const left = new Map<number, string>();
  const [boot, ...lines] = readText(path).split("\n").slice(0, leftoverLinesMax);
  if (boot !== bootId()) return left;
  for (const line of lines) {
    const [, sign, pid, startTicks] = /^([+-])([1-9][0-9]*)(?: ([0-9]+))?$/.exec(line) ?? [];
    if (sign === "+" && startTicks !== undefined) left.set(Number(pid), startTicks);
    if (sign === "-") left.delete(Number(pid));
  }
  return left;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

let knownBoot: string | undefined;

function bootId(): string {
  knownBoot ??= readText("/proc/sys/kernel/random/boot_id").trim();
  return knownBoot;
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended, or became another user's by a setuid program.
  }
}
