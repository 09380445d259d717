/** The commands that run now, with limits for all together and for each caller. */
import type { InferOutput } from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Child, Clock, Files, Host, Log, Processes } from "../../src/kernel/ports.ts";
import type { Secrets } from "../access/contract.ts";
import { type Feed, feedBytes, feedMessages } from "./command-input.ts";
import type { config } from "./module.ts";
import { type CommandBounds, RunningCommand } from "./running-command.ts";
import type { CommandInput, CommandItem, CommandMessage } from "./shapes.ts";
import { environmentOf } from "./variables.ts";

export interface Commands {
  run(input: CommandInput, context: CallContext): AsyncIterable<CommandItem>;
  interact(input: CommandInput, context: CallContext<CommandMessage>): AsyncIterable<CommandItem>;
}

export interface RunningCommands extends Commands {
  /** Ends all commands and resolves when they are gone. No new one starts. */
  stop(): Promise<void>;
}

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

export function runningCommands(ports: CommandPorts, config: ShellConfig): RunningCommands {
  const limit = new Slots(config.commandsMax, config.commandsPerCallerMax);
  const running = new Set<RunningCommand>();
  let stopping = false;
  // Neither changes while the node runs, and both take system calls.
  let clean: Variables | undefined;
  let home: Promise<string> | undefined;
  const folderOf = async (asked: string) => {
    if (asked !== "~" && !asked.startsWith("~/")) return asked;
    home ??= homeOf(ports);
    return (await home) + asked.slice(1);
  };

  async function* perform(
    input: CommandInput,
    context: Pick<CallContext, "caller" | "authority" | "signal">,
    feedOf: (child: Child) => Feed,
  ): AsyncGenerator<CommandItem, void> {
    if (stopping) throw stopped();
    const bounds = boundsOf(input, config);
    const release = limit.take(`${context.caller.kind} ${context.caller.id}`, context.caller.name);
    let child: Child;
    try {
      clean ??= ports.processes.cleanEnvironment();
      const environment = await environmentOf(input, clean, ports.secrets, context);
      const workingDirectory = await folderOf(input.workingDirectory);
      context.signal.throwIfAborted();
      if (stopping) throw stopped();
      child = ports.processes.spawn({
        argv: input.argv,
        workingDirectory,
        environment,
        stdin: "pipe",
      });
    } catch (error) {
      release();
      throw error;
    }
    const command = new RunningCommand(child, bounds, ports.clock, ports.log);
    running.add(command);
    void command.gone.then(() => {
      running.delete(command);
      release();
    });
    const onAbort = () => command.cancel(context.signal.reason);
    context.signal.addEventListener("abort", onAbort, { once: true });
    try {
      yield* command.items(feedOf(child));
    } finally {
      context.signal.removeEventListener("abort", onAbort);
    }
  }

  return {
    run: (input, context) => perform(input, context, (child) => feedBytes(child, context.bytes)),
    interact: (input, context) => perform(input, context, (child) => feedMessages(child, context.messages)),
    async stop() {
      stopping = true;
      await Promise.all([...running].map((command) => command.stop(stopped(), stopGraceMs)));
    },
  };
}

type Variables = Readonly<Record<string, string>>;
type ShellConfig = InferOutput<typeof config>;

function stopped(): OperoneError {
  return new OperoneError("unavailable", "The node is stopping, and its commands with it; start it again");
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
