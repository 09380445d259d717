/** Children of the node: each leads a session of its own, gets a given environment and nothing else of the node. */
import { closeSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Subprocess } from "bun";
import { OperoneError } from "../kernel/error.ts";
import type { Child, ChildExit, Processes, SpawnOptions, TerminalSize } from "../kernel/ports.ts";
import { ChildFamily, type FamilySystem, send } from "./child-family.ts";
import { type ChildLedger, childLedger, noLedger } from "./child-ledger.ts";
import { PipeReader, PipeWriter } from "./child-streams.ts";
import { ChildTerminal } from "./child-terminal.ts";
import { cleanEnvironment } from "./environment.ts";
import { closePipe, openPipe, type Pipe } from "./pipes.ts";
import { type ProcessTable, readProcess, readProcessTable } from "./process-table.ts";
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
  const system: FamilySystem = { send, table: freshTable, process: readProcess };
  const running = new Set<number>();
  const openOne = (large: boolean) =>
    pipes === "bun" ? undefined : openPipe(large && running.size < largePipesMax);
  return {
    spawn(options) {
      const child = spawn(options, new Pipes(options, openOne), ledger, system);
      running.add(child.pid);
      void child.exited.then(() => running.delete(child.pid));
      return child;
    },
    cleanEnvironment: () => cleanEnvironment(),
    endLeftovers: async () => ledger.endLeftovers(),
  };
}

function spawn(options: SpawnOptions, pipes: Pipes, ledger: ChildLedger, system: FamilySystem): Child {
  let started: BunChild | undefined;
  try {
    assertWorkingDirectory(options.workingDirectory);
    assertTerminals(options);
    const terminal = options.terminal === undefined ? undefined : new ChildTerminal(options.terminal);
    const child = start(options, pipes, terminal);
    started = child;
    ledger.started(child.pid);
    const exited = child.exited.then((): ChildExit => {
      ledger.ended(child.pid);
      return child.signalCode === null
        ? { code: child.exitCode, signal: null }
        : { code: null, signal: String(child.signalCode) };
    });
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    const family = new ChildFamily(child.pid, hasEnded, system, terminal !== undefined);
    const ends = terminal === undefined ? pipeEnds(pipes, child) : terminalEnds(terminal);
    return { pid: child.pid, ...ends, ...pipes.report(), kill: (signal) => family.kill(signal), exited };
  } catch (error) {
    // Out of descriptors after the start: nobody would own it.
    started?.kill("SIGKILL");
    pipes.closeAll();
    throw spawnFailure(options, error);
  }
}

function pipeEnds(pipes: Pipes, child: BunChild) {
  const stdin = pipes.writer(child);
  return {
    stdout: pipes.reader("stdout", child),
    stderr: pipes.reader("stderr", child),
    writeStdin: (bytes: Uint8Array) => stdin.write(bytes),
    closeStdin: () => stdin.close(),
  };
}

function terminalEnds(terminal: ChildTerminal) {
  return {
    stdout: terminal.output,
    stderr: noOutput(),
    terminal: { resize: (size: TerminalSize) => terminal.resize(size) },
    writeStdin: (bytes: Uint8Array) => terminal.write(bytes),
    closeStdin: () => terminal.typeEnd(),
  };
}

async function* noOutput(): AsyncGenerator<Uint8Array> {}

type BunChild = Subprocess<"ignore" | "pipe" | number, "pipe" | number, "pipe" | number>;

function start(
  { argv, workingDirectory, environment }: SpawnOptions,
  pipes: Pipes,
  terminal: ChildTerminal | undefined,
): BunChild {
  const { stdin, stdout, stderr, report } = pipes.childEnds();
  const child = Bun.spawn([...argv], {
    cwd: workingDirectory,
    env: { ...environment },
    // setsid(2): a group and a session of its own, and no terminal to type into.
    detached: process.platform !== "win32",
    windowsHide: true,
    stdio: [stdin, stdout, stderr, ...(report === undefined ? [] : [report])],
    ...(terminal === undefined ? {} : { terminal: terminal.options }),
  });
  terminal?.started(child.terminal);
  pipes.closeChildEnds();
  return child;
}

function assertTerminals({ terminal }: SpawnOptions): void {
  if (terminal === undefined || process.platform !== "win32") return;
  throw new OperoneError(
    "unsupported",
    "There are no terminals for children on Windows yet; start it without one, or on another node (--node)",
  );
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

function withoutPipes(): OperoneError {
  return new OperoneError(
    "unsupported",
    "This system's C library cannot be called, so a child gets no pipe for its report; see whether memory may be executable here",
  );
}

/** The pipes of one child, or nothing where Bun's own have to do. */
class Pipes {
  readonly #stdin: Pipe | undefined;
  readonly #stdout: Pipe | undefined;
  readonly #stderr: Pipe | undefined;
  readonly #report: Pipe | undefined;
  readonly #wantsStdin: boolean;
  #childEndsOpen = true;

  constructor(options: SpawnOptions, openOne: (large: boolean) => Pipe | undefined) {
    const streams = options.terminal === undefined;
    this.#wantsStdin = streams && options.stdin === "pipe";
    const opened: Pipe[] = [];
    const open = (large: boolean) => {
      const pipe = openOne(large);
      if (pipe !== undefined) opened.push(pipe);
      return pipe;
    };
    try {
      this.#stdout = streams ? open(true) : undefined;
      this.#stderr = streams ? open(false) : undefined;
      this.#stdin = this.#wantsStdin ? open(false) : undefined;
      this.#report = options.report === true ? open(false) : undefined;
      if (options.report === true && this.#report === undefined) throw withoutPipes();
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
      report: this.#report?.write,
    };
  }

  /** Only the child must hold them, or its end would never be seen. */
  closeChildEnds(): void {
    this.#childEndsOpen = false;
    for (const fd of [this.#stdin?.read, this.#stdout?.write, this.#stderr?.write, this.#report?.write]) {
      if (fd !== undefined) closeSync(fd);
    }
  }

  closeAll(): void {
    if (this.#childEndsOpen) this.closeChildEnds();
    for (const fd of [this.#stdin?.write, this.#stdout?.read, this.#stderr?.read, this.#report?.read]) {
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

  report() {
    return this.#report === undefined ? {} : { report: PipeReader.ofDescriptor(this.#report.read) };
  }

  writer(child: BunChild): PipeWriter {
    if (this.#stdin !== undefined) return PipeWriter.ofDescriptor(this.#stdin.write);
    return new PipeWriter(typeof child.stdin === "object" ? child.stdin : undefined);
  }
}
