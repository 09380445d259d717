/** The commands that live as long as their call. */
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Child } from "../../src/kernel/ports.ts";
import { type Feed, feedBytes, feedMessages } from "./command-input.ts";
import {
  boundOf,
  type CommandPorts,
  type CommandStart,
  type ShellConfig,
  type StartContext,
  stopped,
} from "./command-start.ts";
import { type DryRunBounds, type DryRunPorts, DryRuns, type PendingDryRun } from "./dry-runs.ts";
import type { Profile, Profiles } from "./profile.ts";
import { type CommandBounds, RunningCommand } from "./running-command.ts";
import { rightsOf } from "./script-rights.ts";
import { rightsLeft } from "./session-rights.ts";
import { argvOf, type CommandInput, type CommandItem, type CommandMessage } from "./shapes.ts";
import { Slots } from "./slots.ts";

/** When the node stops it does not wait longer for a command that was asked to end. */
export const stopGraceMs = 2_000;

export class Commands {
  readonly #ports: Pick<CommandPorts, "clock" | "log">;
  readonly dryRuns: DryRuns;
  readonly #config: ShellConfig;
  readonly #start: CommandStart;
  readonly #slots: Slots;
  /** Of confined commands. */
  readonly profiles: Profiles;
  readonly #running = new Set<RunningCommand>();

  constructor(ports: CommandPorts & DryRunPorts, config: ShellConfig, start: CommandStart) {
    this.#ports = ports;
    this.dryRuns = new DryRuns(ports, ports.host.dataDirectory, dryRunBoundsOf(config));
    this.#config = config;
    this.#start = start;
    this.profiles = start.profiles;
    this.#slots = new Slots("commands", config.commandsMax, config.commandsPerCallerMax);
  }

  run(input: CommandInput, context: CallContext): AsyncIterable<CommandItem> {
    return this.#perform(input, context, (child) => feedBytes(child, context.bytes));
  }

  interact(input: CommandInput, context: CallContext<CommandMessage>): AsyncIterable<CommandItem> {
    return this.#perform(input, context, (child) => feedMessages(child, context.messages));
  }

  /** Ends all commands and resolves when they are gone. No new one starts. */
  async stop(): Promise<void> {
    this.#start.stop();
    await Promise.all([...this.#running].map((command) => command.stop(stopped(), stopGraceMs)));
    await this.dryRuns.stop();
  }

  async *#perform(
    input: CommandInput,
    context: StartContext,
    feedOf: (child: Child) => Feed,
  ): AsyncGenerator<CommandItem, void> {
    const { child, command, dryRun } = await this.#begin(input, context);
    const onAbort = () => command.cancel(context.signal.reason);
    if (context.signal.aborted) onAbort();
    else context.signal.addEventListener("abort", onAbort, { once: true });
    try {
      const items = command.items(feedOf(child));
      yield* dryRun === undefined ? items : withChanges(items, command, dryRun);
    } finally {
      context.signal.removeEventListener("abort", onAbort);
      // Not waited for: whoever went away has a command that takes its grace to end.
      void command.gone.then(() => dryRun?.close()).catch((cause) => this.#lost(cause));
    }
  }

  async #begin(input: CommandInput, context: StartContext) {
    const profile = this.#start.profileOf(input);
    const bounds = boundsOf(input, { ...this.#config, ...boundsOfProfile(profile) });
    const leave = this.#slots.take(context.caller);
    let dryRun: PendingDryRun | undefined;
    try {
      dryRun = input.dryRun ? await this.#beginDryRun(input, context) : undefined;
      const started = await this.#start.spawn(input, context, { overlay: dryRun?.folder });
      const command = new RunningCommand(started, bounds, this.#ports.clock, this.#ports.log);
      this.#running.add(command);
      void command.gone.then(() => {
        this.#running.delete(command);
        leave();
      });
      return { child: started.child, command, dryRun };
    } catch (error) {
      leave();
      await dryRun?.close();
      throw error;
    }
  }

  async #beginDryRun(input: CommandInput, { caller, authority }: StartContext): Promise<PendingDryRun> {
    const workspace = await this.#start.workspaceBelowOverlay(input);
    const requests = await rightsOf(input, rightsLeft(authority));
    return await this.dryRuns.begin({ workspace, caller, argv: argvOf(input), requests });
  }

  #lost(cause: unknown): void {
    this.#ports.log.warn("What was left of a dry run could not be removed", { cause: String(cause) });
  }
}

/** The changes come when nobody of the command runs any more, and before its exit. */
async function* withChanges(
  items: AsyncIterable<CommandItem>,
  command: RunningCommand,
  dryRun: PendingDryRun,
): AsyncGenerator<CommandItem, void> {
  dryRun.watch((error) => command.cancel(error));
  for await (const item of items) {
    if ("exit" in item) {
      await command.gone;
      const view = await dryRun.finish();
      for (const change of view.changes) yield { change };
      yield { dryRun: view.dryRun };
    }
    yield item;
  }
}

function dryRunBoundsOf(config: ShellConfig): DryRunBounds {
  return {
    keepMs: config.dryRunKeepMs,
    countMax: config.dryRunsMax,
    perCallerMax: config.dryRunsPerCallerMax,
    bytesMax: config.dryRunBytesMax,
    allBytesMax: config.dryRunsBytesMax,
  };
}

function boundsOfProfile(profile: Profile | undefined): Partial<ShellConfig> {
  if (profile === undefined) return {};
  return { timeoutMsMax: profile.timeoutMsMax, outputBytesMax: profile.outputBytesMax };
}

/** @throws OperoneError `invalid_input` beyond the configured most */
function boundsOf(input: CommandInput, config: ShellConfig): CommandBounds {
  return {
    timeoutMs: boundOf("timeoutMs", input.timeoutMs, config.timeoutMsDefault, config.timeoutMsMax),
    outputBytesMax: boundOf(
      "outputBytesMax",
      input.outputBytesMax,
      config.outputBytesDefault,
      config.outputBytesMax,
    ),
    killGraceMs: boundOf("killGraceMs", input.killGraceMs, config.killGraceMsDefault, config.killGraceMsMax),
  };
}
