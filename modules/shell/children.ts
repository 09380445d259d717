/** Runs parts of this program as contained children, one task each. */
import { childFrame, encodedFrame, FrameReader } from "../../src/kernel/child-frames.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Child, ChildExit, Clock, Log, Processes } from "../../src/kernel/ports.ts";
import { type ProgramParts, programParts } from "../../src/platform/program-parts.ts";
import type { ChildLimits, ChildTask, ContainedChildren, Containment } from "./contract.ts";
import { letGo } from "./launcher-child.ts";
import type { LimitReason } from "./limit-reason.ts";
import type { Sandbox } from "./sandbox.ts";
import type { SandboxLimits } from "./sandbox-policy.ts";
import { systemPaths } from "./sandbox-system.ts";
import { isWithin } from "./sandbox-workspace.ts";
import { Turns } from "./turns.ts";

export interface ChildrenPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly processes: Processes;
  sandbox(): Promise<Sandbox>;
  /** Absent: this program's. */
  parts?(): Promise<ProgramParts>;
}

interface Started {
  readonly child: Child;
  limitReached(exit: ChildExit): LimitReason | undefined;
}

const childWord = "__child";
const waitingMax = 256;
const mebibyte = 1024 * 1024;
/**
 * The engine maps as much without using it: 512 MiB to start at all, and 2 GiB more for the code that it compiles,
 * without which it only interprets, at a sixth of the speed. It is also what memory can grow by, for a moment, where no
 * control group counts it.
 */
const mappedBytesUsual = 2_560 * mebibyte;
/** What a part writes to its own /tmp. */
const scratchBytes = mebibyte;
/** What every machine has, and no child may see. */
const outside = { read: "/etc/passwd", start: "/bin/sh" } as const;
const probeLimits: ChildLimits = {
  timeMsMax: 15_000,
  memoryBytesMax: 512 * mebibyte,
  outputBytesMax: mebibyte,
};

export class Children implements ContainedChildren {
  readonly #ports: ChildrenPorts;
  readonly #turns: Turns;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #parts: Promise<ProgramParts> | undefined;
  #containment: Promise<Containment> | undefined;

  constructor(ports: ChildrenPorts, childrenMax: number) {
    this.#ports = ports;
    this.#turns = new Turns("documents", childrenMax, waitingMax);
  }

  /** Resolves when all of them have ended. */
  async stop(): Promise<void> {
    this.#stop.abort(new OperoneError("unavailable", "The node is stopping; start it again"));
    await Promise.all(this.#running);
  }

  /** Tried by running a child, at the first question. A machine that cannot is asked again, for it may be mended. */
  async containment(): Promise<Containment> {
    this.#containment ??= this.#probe();
    const containment = await this.#containment;
    if (!containment.ready) this.#containment = undefined;
    return containment;
  }

  async *run(noun: string, task: ChildTask): AsyncGenerator<unknown, void, undefined> {
    const signal = AbortSignal.any([task.signal, this.#stop.signal]);
    const containment = await this.containment();
    if (!containment.ready) throw refused(containment);
    const end = await this.#turns.take(signal, task.holder);
    const started = await this.#start(noun, task.limits, signal).catch((error: unknown) => {
      end();
      throw error;
    });
    // Not when the iteration ends: who takes its messages slowly must not keep others from theirs.
    void started.child.exited.then(end);
    yield* this.#messages(started, { ...task, signal });
  }

  async *#messages(started: Started, task: ChildTask): AsyncGenerator<unknown, void, undefined> {
    const { exited } = started.child;
    this.#running.add(exited);
    void exited.then(() => this.#running.delete(exited));
    const watch = new Watch(started, task, this.#ports.clock);
    const fed = feed(started.child, task);
    try {
      yield* messagesOf(started.child, task.limits, () => watch.verdict());
      // What the input threw counts even when the child could do without it.
      await fed.result();
    } catch (error) {
      // The child's complaint about an input that broke off is not the reason.
      if (fed.failure !== undefined) throw fed.failure.error;
      throw error;
    } finally {
      watch.end();
      fed.stop();
      await letGo(started.child);
    }
  }

  async #start(noun: string, limits: ChildLimits, signal: AbortSignal): Promise<Started> {
    this.#parts ??= (this.#ports.parts ?? programParts)();
    const { words, paths } = await this.#parts;
    const sandbox = await this.#ports.sandbox();
    const confinement = {
      ...({ profile: "read-only", network: "none", workspace: undefined, workingDirectory: "~" } as const),
      limits: sandboxLimits(limits),
      system: paths.filter(isOfSystem),
      // Elsewhere the sandbox has folders of its own, which would cover what lies there already.
      paths: { read: paths.filter((path) => !isOfSystem(path)), write: [], hide: [] },
    };
    const command = { argv: [...words, childWord, noun], environment: {}, stdin: "pipe" } as const;
    const started = await sandbox.start(command, confinement, signal);
    drain(started.child);
    return started;
  }

  async #probe(): Promise<Containment> {
    const tier = await (await this.#ports.sandbox()).tier();
    if (!tier.ready) return { ready: false, why: tier.why, fix: tier.fix };
    try {
      for (const message of await this.#tryOut()) {
        if (!isRefused(message)) return { ready: false, ...leak };
      }
      return { ready: true, by: tier.name };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#ports.log.debug("Contained children do not work here", { tier: tier.name, why });
      return { ready: false, why, fix: brokenFix };
    }
  }

  /** What became of the attempts. */
  async #tryOut(): Promise<readonly unknown[]> {
    const { signal } = this.#stop;
    const task = { request: outside, input: nothing(), limits: probeLimits, holder: "the node", signal };
    const started = await this.#start("shell/probe", task.limits, task.signal);
    const messages = await Array.fromAsync(this.#messages(started, task));
    return messages.slice(0, Object.keys(outside).length);
  }
}

const leak = {
  why: "a child of this program saw more of the machine than the program",
  fix: "report it with what operone doctor says",
} as const;
const brokenFix =
  "see that everybody may read and run the file of this program, and the folder that it is in";

function isRefused(message: unknown): boolean {
  return typeof message === "object" && message !== null && "refused" in message;
}

function refused({ why, fix }: Containment & { readonly ready: false }): OperoneError {
  return new OperoneError(
    "unsupported",
    `Documents of unknown origin are read by a contained process alone, and this machine cannot contain one: ${why}; ${fix}, or ask another node`,
  );
}

function isOfSystem(path: string): boolean {
  return systemPaths.some((folder) => isWithin(path, folder));
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function drain(child: Child): void {
  void (async () => {
    for await (const part of child.stderr) void part;
  })().catch(() => {});
}

function sandboxLimits({ timeMsMax, memoryBytesMax }: ChildLimits): SandboxLimits {
  return {
    cpuSecondsMax: Math.ceil(timeMsMax / 1_000) + 1,
    memoryBytesMax,
    mappedBytesMax: memoryBytesMax + mappedBytesUsual,
    processesMax: 256,
    openFilesMax: 256,
    fileBytesMax: scratchBytes,
    diskBytesMax: scratchBytes,
    scratchBytesMax: scratchBytes,
  };
}

/** Ends a child at a limit, and knows which it was. */
class Watch {
  readonly #started: Started;
  readonly #limits: ChildLimits;
  readonly #onAbort: () => void;
  readonly #signal: AbortSignal;
  readonly #cancelTimer: () => void;
  #verdict: OperoneError | undefined;

  constructor(started: Started, { limits, signal }: ChildTask, clock: Clock) {
    this.#started = started;
    this.#limits = limits;
    this.#signal = signal;
    this.#onAbort = () => void started.child.kill("SIGKILL");
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
    this.#cancelTimer = clock.after(limits.timeMsMax, () => this.#kill(overTime(limits)));
  }

  /** Why the child has ended without a last word. */
  async verdict(): Promise<unknown> {
    const exit = await this.#started.child.exited;
    if (this.#signal.aborted) return this.#signal.reason;
    if (this.#verdict !== undefined) return this.#verdict;
    const reason = this.#started.limitReached(exit);
    if (reason === "memory_limit") return overMemory(this.#limits);
    if (reason === "cpu_limit") return overTime(this.#limits);
    return brokeDown(exit);
  }

  end(): void {
    this.#cancelTimer();
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  #kill(why: OperoneError): void {
    this.#verdict ??= why;
    this.#started.child.kill("SIGKILL");
  }
}

function overTime({ timeMsMax }: ChildLimits): OperoneError {
  return new OperoneError(
    "deadline",
    `It was not read after ${timeMsMax} ms, and was given up; ask for more time, or for a part of it`,
    { timeMsMax },
  );
}

function overMemory({ memoryBytesMax }: ChildLimits): OperoneError {
  return new OperoneError(
    "too_large",
    `Reading it takes more than the ${memoryBytesMax} bytes of memory that it may take, and was given up; it may be a bomb`,
    { memoryBytesMax },
  );
}

function brokeDown({ code, signal }: ChildExit): OperoneError {
  return new OperoneError(
    "unsupported_media",
    `The process that read it broke down (${signal ?? `exit code ${code}`}); it may be damaged, or made to do harm`,
  );
}

async function* messagesOf(
  child: Child,
  { outputBytesMax }: ChildLimits,
  verdict: () => Promise<unknown>,
): AsyncGenerator<unknown, void, undefined> {
  const reader = new FrameReader();
  let bytes = 0;
  for await (const chunk of child.stdout) {
    bytes += chunk.length;
    if (bytes > outputBytesMax) {
      const what = `What was read is longer than the ${outputBytesMax} bytes that one answer may have`;
      throw new OperoneError("too_large", `${what}; ask for a part of it`, { outputBytesMax });
    }
    for (const value of reader.push(chunk)) {
      const frame = childFrame(value);
      if ("message" in frame) yield frame.message;
      else if ("end" in frame) return;
      else throw toldError(frame.error);
    }
  }
  throw await verdict();
}

function toldError({ code, message }: { readonly code: string; readonly message: string }): OperoneError {
  const messageLengthMax = 1_000;
  const known = (["too_large", "invalid_input", "range", "not_found"] as const).find((one) => one === code);
  return new OperoneError(known ?? "unsupported_media", message.slice(0, messageLengthMax));
}

interface Feeding {
  readonly failure: { readonly error: unknown } | undefined;
  /** Rejects with what the input threw. */
  result(): Promise<void>;
  stop(): void;
}

/** A child that needs no more closes its stdin, and nothing more is taken. */
function feed(child: Child, { request, input }: ChildTask): Feeding {
  const state: { failure: { error: unknown } | undefined; stopped: boolean } = {
    failure: undefined,
    stopped: false,
  };
  const iterator = input[Symbol.asyncIterator]();
  const done = (async () => {
    try {
      await child.writeStdin(encodedFrame(request));
      for (let next = await read(); next?.done === false; next = await read()) {
        await child.writeStdin(next.value);
        if (state.stopped) break;
      }
    } catch (error) {
      if (!isBrokenPipe(error)) fail(error);
    } finally {
      child.closeStdin();
      await iterator.return?.().catch(() => {});
    }
  })();
  async function read() {
    return state.stopped ? undefined : await iterator.next();
  }
  function fail(error: unknown): void {
    if (state.stopped) return;
    state.failure = { error };
    child.kill("SIGKILL");
  }
  return {
    get failure() {
      return state.failure;
    },
    result: async () => {
      state.stopped = true;
      await done;
    },
    stop: () => {
      state.stopped = true;
    },
  };
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
