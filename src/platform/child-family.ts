/** A child with all that it started: who gets a signal, and who must never. */

import type { Child } from "../kernel/ports.ts";
import { familyOf, type ProcessRow, type ProcessTable } from "./process-table.ts";

/** What is asked of the system; given in tests. */
export interface FamilySystem {
  /** To a process, or to a group by its negative number; 0 only asks. False when nobody is there. */
  send(pid: number, signal: NodeJS.Signals | 0): boolean;
  table(): ProcessTable;
  process(pid: number): ProcessRow | undefined;
}

type Signal = Parameters<Child["kill"]>[0];

export class ChildFamily {
  readonly #pid: number;
  readonly #hasEnded: () => boolean;
  readonly #system: FamilySystem;
  readonly #isTerminal: boolean;
  /** Pid and start of those outside the group that were seen: once their parents are dead nothing leads to them. */
  readonly #strays = new Map<number, string>();
  /** Those that the group held when it was last looked at: each may leave it before the signal arrives. */
  readonly #inGroup = new Map<number, string>();

  /**
   * @param hasEnded whether the system has told of the child's end, and so may give its number away
   * @param isTerminal whether each job has a group of its own, so that every signal is for all of them
   */
  constructor(pid: number, hasEnded: () => boolean, system: FamilySystem, isTerminal = false) {
    this.#isTerminal = isTerminal;
    this.#pid = pid;
    this.#hasEnded = hasEnded;
    this.#system = system;
  }

  kill(signal: Signal): boolean {
    if (process.platform === "win32") return this.#killWindows(signal);
    const pid = this.#pid;
    const { send } = this.#system;
    const ended = this.#hasEnded();
    // A group keeps its number from being used again. So when a process has it, the group is gone.
    const reused = ended && send(pid, 0);
    const groupThere = !reused && send(-pid, 0);
    const forAll = signal === "SIGTERM" || signal === "SIGKILL" || (this.#isTerminal && signal !== 0);
    const mayHaveStrays = groupThere || !ended || this.#strays.size > 0;
    // Looked for before anyone dies: a dead parent no longer leads to its children.
    if (forAll && mayHaveStrays) this.#findStrays(reused);
    const reached = groupThere && send(-pid, signal);
    if (forAll) this.#findLeavers();
    if (signal === 0) return (reached && this.#hasLiving(ended)) || this.#hasLivingStrays();
    if (!forAll) return reached;
    return [...this.#strays.keys()].map((stray) => send(stray, signal)).includes(true) || reached;
  }

  /** A group counts its zombies; where nobody collects orphans, as in a container, they stay for ever. */
  #hasLiving(ended: boolean): boolean {
    const table: ProcessTable = ended ? this.#system.table() : new Map();
    return table.size === 0 || [...table.values()].some(({ group }) => group === this.#pid);
  }

  #hasLivingStrays(): boolean {
    return [...this.#strays].some(
      ([pid, startTicks]) => this.#system.process(pid)?.startTicks === startTicks,
    );
  }

  /** Those in the session or below it that left the group: a shell's background jobs, a `setsid` with its parent alive. */
  #findStrays(reused: boolean): void {
    const table = this.#system.table();
    for (const [stray, startTicks] of this.#strays) {
      if (table.get(stray)?.startTicks !== startTicks) this.#strays.delete(stray);
    }
    this.#inGroup.clear();
    for (const row of familyOf(reused ? undefined : this.#pid, table, this.#strays.keys())) {
      const where = reused || row.group !== this.#pid ? this.#strays : this.#inGroup;
      where.set(row.pid, row.startTicks);
    }
  }

  /** The group's signal passes by whoever called setsid(2) since the look, as a `setsid` that had only just started. */
  #findLeavers(): void {
    for (const [pid, startTicks] of this.#inGroup) {
      const row = this.#system.process(pid);
      if (row?.startTicks === startTicks && row.group !== this.#pid) this.#strays.set(pid, startTicks);
    }
    this.#inGroup.clear();
  }

  #killWindows(signal: Signal): boolean {
    if (signal === 0 || this.#hasEnded()) return !this.#hasEnded();
    return Bun.spawnSync(["taskkill", "/T", "/F", "/PID", String(this.#pid)]).exitCode === 0;
  }
}

/** False when there is nobody who could get it. */
export function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    // Somebody is there, and is another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
