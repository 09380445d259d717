/** Children of the node: each leads a session of its own, gets a given environment and nothing else of the node. */
import { closeSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Subprocess } from "bun";
import { OperoneError } from "../kernel/error.ts";
import type { Child, ChildExit, Processes, SpawnOptions } from "../kernel/ports.ts";
import { type ChildLedger, childLedger, noLedger } from "./child-ledger.ts";
import { PipeReader, PipeWriter } from "./child-streams.ts";
import { cleanEnvironment } from "./environment.ts";
import { closePipe, openPipe, type Pipe } from "./pipes.ts";
import { familyOf, type ProcessTable, readProcess, readProcessTable } from "./process-table.ts";
import { spawnFailure } from "./spawn-failure.ts";

export interface ProcessesOptions {
  /** Where running children are remembered for the next node, in a folder of the node's own. Absent: nowhere. */
  readonly ledger?: string;
  /** `bun`: what is used where the C library cannot be called. Absent: real pipes where they can be had. */
  readonly pipes?: "bun";
}

/** A user's pipes share 64 MiB (pipe-user-pages-soft), and beyond that all new ones are small. */
const largePipesMax = 64;

export function systemProcesses({ ledger: path, pipes }: ProcessesOptions = {}): Processes {
  const ledger = path === undefined ? noLedger : childLedger(path);
  let table: ProcessTable | undefined;
  /** One look at the table serves all children that are killed in the same turn of the event loop. */
  const freshTable = () => {
    if (table === undefined) {
      table = readProcessTable();
      setImmediate(() => {
        table = undefined;
      });
    }
    return table;
  };
  const running = new Set<number>();
  const openOne = (large: boolean) =>
    pipes === "bun" ? undefined : openPipe(large && running.size < largePipesMax);
  return {
    spawn(options) {
      const child = spawn(options, new Pipes(options, openOne), ledger, freshTable);
      running.add(child.pid);
      void child.exited.then(() => running.delete(child.pid));
      return child;
    },
    cleanEnvironment: () => cleanEnvironment(),
    endLeftovers: async () => ledger.endLeftovers(),
  };
}

function spawn(
  options: SpawnOptions,
  pipes: Pipes,
  ledger: ChildLedger,
  freshTable: () => ProcessTable,
): Child {
  try {
    assertWorkingDirectory(options.workingDirectory);
    const child = start(options, pipes);
    ledger.started(child.pid);
    const exited = child.exited.then((): ChildExit => {
      ledger.ended(child.pid);
      return child.signalCode === null
        ? { code: child.exitCode, signal: null }
        : { code: null, signal: String(child.signalCode) };
    });
    const stdin = pipes.writer(child);
    const family = new Family(child, freshTable);
    return {
      pid: child.pid,
      stdout: pipes.reader("stdout", child),
      stderr: pipes.reader("stderr", child),
      writeStdin: (bytes) => stdin.write(bytes),
      closeStdin: () => stdin.close(),
      kill: (signal) => family.kill(signal),
      exited,
    };
  } catch (error) {
    pipes.closeAll();
    throw spawnFailure(options, error);
  }
}

type BunChild = Subprocess<"ignore" | "pipe" | number, "pipe" | number, "pipe" | number>;

function start({ argv, workingDirectory, environment }: SpawnOptions, pipes: Pipes): BunChild {
  const child = Bun.spawn([...argv], {
    cwd: workingDirectory,
    env: { ...environment },
    // setsid(2): a group and a session of its own, and no terminal to type into.
    detached: process.platform !== "win32",
    windowsHide: true,
    ...pipes.childEnds(),
  });
  pipes.closeChildEnds();
  return child;
}

/** Bun reports a missing folder as a missing program. */
function assertWorkingDirectory(path: string): void {
  if (!isAbsolute(path)) {
    throw new OperoneError("invalid_input", `The working directory "${path}" is not an absolute path`);
  }
  const facts = statSync(path, { throwIfNoEntry: false });
  if (facts?.isDirectory() === true) return;
  const what = facts === undefined ? "does not exist" : "is not a directory";
  throw new OperoneError("not_found", `The working directory "${path}" ${what}; make it, or name another`);
}

/** The pipes of one child, or nothing where Bun's own have to do. */
class Pipes {
  readonly #stdin: Pipe | undefined;
  readonly #stdout: Pipe | undefined;
  readonly #stderr: Pipe | undefined;
  readonly #wantsStdin: boolean;
  #childEndsOpen = true;

  constructor(options: SpawnOptions, openOne: (large: boolean) => Pipe | undefined) {
    this.#wantsStdin = options.stdin === "pipe";
    const opened: Pipe[] = [];
    const open = (large: boolean) => {
      const pipe = openOne(large);
      if (pipe !== undefined) opened.push(pipe);
      return pipe;
    };
    try {
      this.#stdout = open(true);
      this.#stderr = open(false);
      this.#stdin = this.#wantsStdin ? open(false) : undefined;
    } catch (error) {
      for (const pipe of opened) closePipe(pipe);
      throw spawnFailure(options, error);
    }
  }

  childEnds() {
    return {
      stdin: this.#stdin?.read ?? (this.#wantsStdin ? ("pipe" as const) : ("ignore" as const)),
      stdout: this.#stdout?.write ?? ("pipe" as const),
      stderr: this.#stderr?.write ?? ("pipe" as const),
    };
  }

  /** Only the child must hold them, or its end would never be seen. */
  closeChildEnds(): void {
    this.#childEndsOpen = false;
    for (const fd of [this.#stdin?.read, this.#stdout?.write, this.#stderr?.write]) {
      if (fd !== undefined) closeSync(fd);
    }
  }

  closeAll(): void {
    if (this.#childEndsOpen) this.closeChildEnds();
    for (const fd of [this.#stdin?.write, this.#stdout?.read, this.#stderr?.read]) {
      if (fd !== undefined) closeSync(fd);
    }
  }

  reader(name: "stdout" | "stderr", child: BunChild): PipeReader {
    const pipe = name === "stdout" ? this.#stdout : this.#stderr;
    if (pipe !== undefined) return PipeReader.ofDescriptor(pipe.read);
    const stream = child[name];
    if (!(stream instanceof ReadableStream)) throw new Error(`Bun gave no ${name}`);
    return PipeReader.ofStream(stream);
  }

  writer(child: BunChild): PipeWriter {
    if (this.#stdin !== undefined) return PipeWriter.ofDescriptor(this.#stdin.write);
    return new PipeWriter(typeof child.stdin === "object" ? child.stdin : undefined);
  }
}

/** The child with all that it started. */
class Family {
  readonly #child: BunChild;
  readonly #freshTable: () => ProcessTable;
  /** Pid and start of those outside the group that were seen: once their parents are dead nothing leads to them. */
  readonly #strays = new Map<number, string>();

  constructor(child: BunChild, freshTable: () => ProcessTable) {
    this.#child = child;
    this.#freshTable = freshTable;
  }

  kill(signal: Parameters<Child["kill"]>[0]): boolean {
    const { pid } = this.#child;
    if (process.platform === "win32") return this.#killWindows(signal);
    const ended = this.#child.exitCode !== null || this.#child.signalCode !== null;
    // A group keeps its number from being used again. So when a process has it, the group is gone.
    const reused = ended && send(pid, 0);
    const groupThere = !reused && send(-pid, 0);
    const forAll = signal === "SIGTERM" || signal === "SIGKILL";
    const mayHaveStrays = groupThere || !ended || this.#strays.size > 0;
    // Looked for before anyone dies: a dead parent no longer leads to its children.
    if (forAll && mayHaveStrays) this.#findStrays(reused);
    const reached = groupThere && send(-pid, signal);
    if (signal === 0) return (reached && this.#hasLiving(ended)) || this.#hasLivingStrays();
    if (!forAll) return reached;
    return [...this.#strays.keys()].map((stray) => send(stray, signal)).includes(true) || reached;
  }

  /** A group counts its zombies; where nobody collects orphans, as in a container, they stay for ever. */
  #hasLiving(ended: boolean): boolean {
    const table: ProcessTable = ended ? this.#freshTable() : new Map();
    return table.size === 0 || [...table.values()].some(({ group }) => group === this.#child.pid);
  }

  #hasLivingStrays(): boolean {
    return [...this.#strays].some(([pid, startTicks]) => readProcess(pid)?.startTicks === startTicks);
  }

  /** Those in the session or below it that left the group: a shell's background jobs, a `setsid` with its parent alive. */
  #findStrays(reused: boolean): void {
    const { pid } = this.#child;
    const table = this.#freshTable();
    for (const [stray, startTicks] of this.#strays) {
      if (table.get(stray)?.startTicks !== startTicks) this.#strays.delete(stray);
    }
    for (const row of familyOf(reused ? undefined : pid, table, this.#strays.keys())) {
      if (reused || row.group !== pid) this.#strays.set(row.pid, row.startTicks);
    }
  }

  #killWindows(signal: Parameters<Child["kill"]>[0]): boolean {
    const { pid } = this.#child;
    if (signal === 0 || this.#child.exitCode !== null) return this.#child.exitCode === null;
    return Bun.spawnSync(["taskkill", "/T", "/F", "/PID", String(pid)]).exitCode === 0;
  }
}

/** False when there is nobody who could get it. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    // Somebody is there, and is another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
