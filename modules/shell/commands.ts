/** The commands that run now, with limits for all together and for each caller. */
import type { InferOutput } from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Child, Clock, Files, Host, Log, Processes } from "../../src/kernel/ports.ts";
import type { Secrets } from "../access/contract.ts";
import { type Feed, feedBytes, feedMessages } from "./command-input.ts";
import type { config } from "./module.ts";
import { type CommandBounds, RunningCommand } from "./running-command.ts";
import { confinementOf, Sandbox, type Tier } from "./sandbox.ts";
import type { Profile, SandboxLimits } from "./sandbox-policy.ts";
import { type CommandInput, type CommandItem, type CommandMessage, unconfinedProfile } from "./shapes.ts";
import { environmentOf } from "./variables.ts";

export interface CommandPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly host: Host;
  readonly files: Files;
  readonly processes: Processes;
  readonly secrets: Secrets;
}

/** When the node stops it does not wait longer for a command that was asked to end. */
const stopGraceMs = 2_000;

export class Commands {
  readonly #ports: CommandPorts;
  readonly #config: ShellConfig;
  readonly #slots: Slots;
  readonly #running = new Set<RunningCommand>();
  // Neither changes while the node runs, and both take system calls.
  #clean: Variables | undefined;
  #home: Promise<string> | undefined;
  #sandbox: Sandbox | undefined;
  #stopping = false;

  constructor(ports: CommandPorts, config: ShellConfig) {
    this.#ports = ports;
    this.#config = config;
    this.#slots = new Slots(config.commandsMax, config.commandsPerCallerMax);
  }

  run(input: CommandInput, context: CallContext): AsyncIterable<CommandItem> {
    return this.#perform(input, context, (child) => feedBytes(child, context.bytes));
  }

  interact(input: CommandInput, context: CallContext<CommandMessage>): AsyncIterable<CommandItem> {
    return this.#perform(input, context, (child) => feedMessages(child, context.messages));
  }

  /** Ends all commands and resolves when they are gone. No new one starts. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#running].map((command) => command.stop(stopped(), stopGraceMs)));
  }

  async *#perform(
    input: CommandInput,
    context: Context,
    feedOf: (child: Child) => Feed,
  ): AsyncGenerator<CommandItem, void> {
    const { child, command } = await this.#start(input, context);
    const onAbort = () => command.cancel(context.signal.reason);
    if (context.signal.aborted) onAbort();
    else context.signal.addEventListener("abort", onAbort, { once: true });
    try {
      yield* command.items(feedOf(child));
    } finally {
      context.signal.removeEventListener("abort", onAbort);
    }
  }

  async #start(input: CommandInput, context: Context) {
    if (this.#stopping) throw stopped();
    const bounds = boundsOf(input, this.#config);
    const leave = this.#slots.take(`${context.caller.kind} ${context.caller.id}`, context.caller.name);
    try {
      const child = await this.#spawn(input, context);
      const command = new RunningCommand(child, bounds, this.#ports.clock, this.#ports.log);
      this.#running.add(command);
      void command.gone.then(() => {
        this.#running.delete(command);
        leave();
      });
      return { child, command };
    } catch (error) {
      leave();
      throw error;
    }
  }

  async #spawn(input: CommandInput, context: Context): Promise<Child> {
    const { processes, secrets } = this.#ports;
    this.#clean ??= processes.cleanEnvironment();
    const { profile } = input;
    if (profile !== unconfinedProfile)
      return await this.#spawnConfined({ ...input, profile }, this.#clean, context);
    const environment = await environmentOf(input, this.#clean, secrets, context);
    const workingDirectory = await this.#folderOf(input.workingDirectory);
    this.#assertWanted(context);
    return processes.spawn({ argv: input.argv, workingDirectory, environment, stdin: "pipe" });
  }

  async #spawnConfined(
    input: CommandInput & { readonly profile: Profile },
    clean: Variables,
    context: Context,
  ): Promise<Child> {
    const sandbox = await this.#box();
    const variables = { ...clean, ...(await sandbox.variables()) };
    const environment = await environmentOf(input, variables, this.#ports.secrets, context);
    const confinement = confinementOf({ ...input, ...(await this.#places(input)) });
    this.#assertWanted(context);
    const child = await sandbox.start(
      { argv: input.argv, environment, stdin: "pipe" },
      confinement,
      context.signal,
    );
    // The node began to stop meanwhile, and did not know of this one.
    if (this.#stopping) child.kill("SIGKILL");
    return child;
  }

  /** All before took its time. From the next line on there is something to end. */
  #assertWanted(context: Context): void {
    context.signal.throwIfAborted();
    if (this.#stopping) throw stopped();
  }

  /** Whether this machine can confine commands. */
  async tier(): Promise<Tier> {
    return await (await this.#box()).tier();
  }

  async #box(): Promise<Sandbox> {
    this.#home ??= homeOf(this.#ports);
    const { processes, host } = this.#ports;
    this.#sandbox ??= new Sandbox(
      { processes, dataDirectory: host.dataDirectory, home: await this.#home },
      sandboxLimitsOf(this.#config),
    );
    return this.#sandbox;
  }

  /** A "~" alone stays: it is the home in the sandbox. */
  async #places({ workspace, workingDirectory }: CommandInput) {
    return {
      workspace: workspace === undefined ? undefined : await this.#folderOf(workspace),
      workingDirectory: workingDirectory === "~" ? "~" : await this.#folderOf(workingDirectory),
    };
  }

  async #folderOf(asked: string): Promise<string> {
    if (asked !== "~" && !asked.startsWith("~/")) return asked;
    this.#home ??= homeOf(this.#ports);
    return (await this.#home) + asked.slice(1);
  }
}

type Context = Pick<CallContext, "caller" | "authority" | "signal">;
type Variables = Readonly<Record<string, string>>;
type ShellConfig = InferOutput<typeof config>;

function stopped(): OperoneError {
  return new OperoneError("unavailable", "The node is stopping, and its commands with it; start it again");
}

function sandboxLimitsOf(config: ShellConfig): SandboxLimits {
  return {
    cpuSecondsMax: config.sandboxCpuSecondsMax,
    memoryBytesMax: config.sandboxMemoryBytesMax,
    processesMax: config.sandboxProcessesMax,
    openFilesMax: config.sandboxOpenFilesMax,
    fileBytesMax: config.sandboxFileBytesMax,
    scratchBytesMax: config.sandboxScratchBytesMax,
  };
}

/** @throws OperoneError `invalid_input` beyond the configured most */
function boundsOf(input: CommandInput, config: ShellConfig): CommandBounds {
  const bound = (name: keyof CommandBounds, usual: number, most: number) => {
    const asked = input[name];
    if (asked === undefined) return Math.min(usual, most);
    if (asked <= most) return asked;
    throw new OperoneError(
      "invalid_input",
      `"${name}" is ${asked}, and this node allows ${most}; ask for less, or raise the most in [shell] of its config.toml`,
      { limit: most },
    );
  };
  return {
    timeoutMs: bound("timeoutMs", config.timeoutMsDefault, config.timeoutMsMax),
    outputBytesMax: bound("outputBytesMax", config.outputBytesDefault, config.outputBytesMax),
    killGraceMs: bound("killGraceMs", config.killGraceMsDefault, config.killGraceMsMax),
  };
}

/**
 * The home of the node's user, whatever HOME the caller sets: a grant of "~/bin/tool" means one file. The user of a
 * service may have none, or one that was never made.
 */
async function homeOf({ files, host, processes }: CommandPorts): Promise<string> {
  const { HOME, USERPROFILE } = processes.cleanEnvironment();
  const home = HOME ?? USERPROFILE ?? "";
  const facts = home === "" ? undefined : await files.facts(home).catch(() => undefined);
  return facts?.kind === "directory" ? home : host.dataDirectory;
}

class Slots {
  readonly #max: number;
  readonly #perCallerMax: number;
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(max: number, perCallerMax: number) {
    this.#max = max;
    this.#perCallerMax = perCallerMax;
  }

  /** @throws OperoneError `limited` */
  take(caller: string, name: string): () => void {
    const own = this.#taken.get(caller) ?? 0;
    if (this.#all >= this.#max || own >= this.#perCallerMax) {
      throw new OperoneError(
        "limited",
        `${own} commands of ${name} are running, ${this.#all} in all, and this node allows ${this.#perCallerMax} and ${this.#max}; wait for some to end`,
      );
    }
    this.#all += 1;
    this.#taken.set(caller, own + 1);
    return () => {
      this.#all -= 1;
      const left = (this.#taken.get(caller) ?? 1) - 1;
      if (left === 0) this.#taken.delete(caller);
      else this.#taken.set(caller, left);
    };
  }
}
