/** Starts commands: judged input in, a running child out. */
import type { InferOutput } from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Clock, Files, Host, Log, Processes, TerminalSize } from "../../src/kernel/ports.ts";
import { ownVariables } from "../../src/platform/environment.ts";
import { mountsBelow } from "../../src/platform/mounts.ts";
import type { Secrets } from "../access/contract.ts";
import { maskedChild } from "./masked-output.ts";
import type { config } from "./module.ts";
import { askedNetwork } from "./network.ts";
import { assertCommand, assertVariables, networkOf, type Profile, Profiles } from "./profile.ts";
import { assertPaths } from "./profile-paths.ts";
import type { StartedCommand } from "./running-command.ts";
import { confinementOf, Sandbox } from "./sandbox.ts";
import type { SandboxLimits } from "./sandbox-policy.ts";
import { unsupported } from "./sandbox-report.ts";
import { isWithin, realOf } from "./sandbox-workspace.ts";
import { judgedCommand } from "./scope.ts";
import { argvOf, type StartInput } from "./shapes.ts";
import type { Tier } from "./tier.ts";
import { assertWalls } from "./tier-start.ts";
import { environmentOf } from "./variables.ts";
import { systemProxyPorts } from "./way-out.ts";
import { unconfinedProfile } from "./words.ts";

export interface CommandPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly host: Host;
  readonly files: Files;
  readonly processes: Processes;
  readonly secrets: Secrets;
}

export type ShellConfig = InferOutput<typeof config>;
export interface StartPlace {
  /** Absent: none. */
  readonly terminal?: TerminalSize;
  /** Takes what a confined command writes to its workspace. Absent: the workspace itself. */
  readonly overlay?: string | undefined;
}

export type StartContext = Pick<CallContext, "caller" | "authority" | "signal">;

/** What programs at a terminal draw with, unless the caller says otherwise. */
const terminalName = "xterm-256color";

export class CommandStart {
  readonly #ports: CommandPorts;
  readonly #config: ShellConfig;
  /** Of confined commands. */
  readonly profiles: Profiles;
  // Neither changes while the node runs, and both take system calls.
  #clean: Variables | undefined;
  #home: Promise<string> | undefined;
  #sandbox: Sandbox | undefined;
  #stopping = false;

  constructor(ports: CommandPorts, config: ShellConfig) {
    this.#ports = ports;
    this.#config = config;
    const { timeoutMsMax, outputBytesMax } = config;
    this.profiles = new Profiles(config.profiles, {
      timeoutMsMax,
      outputBytesMax,
      sandbox: sandboxLimitsOf(config),
    });
  }

  /** @throws OperoneError `invalid_input` for the first profile with a path that none may have */
  async assertProfiles(): Promise<void> {
    this.#home ??= homeOf(this.#ports);
    const around = { home: await this.#home, dataDirectory: this.#ports.host.dataDirectory };
    for (const profile of this.profiles.all()) await assertPaths(profile.name, profile, around);
  }

  /** Undefined: nothing confines it. @throws OperoneError `invalid_input` for one that there is not */
  profileOf({ profile }: Pick<StartInput, "profile">): Profile | undefined {
    return profile === unconfinedProfile ? undefined : this.profiles.named(profile);
  }

  /** No command starts from now on. */
  stop(): void {
    this.#stopping = true;
  }

  /** @throws OperoneError `unavailable` when the node is stopping, and what the sandbox and the system say */
  async spawn(
    input: StartInput,
    context: StartContext,
    { terminal, overlay }: StartPlace = {},
  ): Promise<StartedCommand> {
    if (this.#stopping) throw stopped();
    const { processes, secrets } = this.#ports;
    this.#clean ??= processes.cleanEnvironment();
    const clean = terminal === undefined ? this.#clean : { ...this.#clean, TERM: terminalName };
    const streams = { stdin: "pipe", ...(terminal === undefined ? {} : { terminal }) } as const;
    const profile = this.profileOf(input);
    if (profile !== undefined)
      return await this.#spawnConfined(input, profile, clean, { ...streams, overlay }, context);
    const { environment, secrets: values } = await environmentOf(input, clean, secrets, context);
    const workingDirectory = await this.#folderOf(input.workingDirectory);
    this.#assertWanted(context);
    const child = processes.spawn({ argv: argvOf(input), workingDirectory, environment, ...streams });
    return { child: maskedChild(child, values, this.#ports.clock) };
  }

  /**
   * What `spawn` judges, without a start.
   *
   * @throws OperoneError as `spawn`, but for what the system says of the program and its folder
   */
  async rehearse(input: StartInput): Promise<void> {
    if (this.#stopping) throw stopped();
    const profile = this.profileOf(input);
    if (profile === undefined) return;
    assertCommand(profile, judgedCommand({ ...input, argv: argvOf(input) }));
    assertVariables(profile, [...Object.keys(input.environment), ...Object.keys(input.secrets)]);
    networkOf(profile, askedNetwork(input));
    const tier = await this.tier();
    if (!tier.ready) throw unsupported(tier);
  }

  /** Whether this machine can confine commands. */
  async tier(): Promise<Tier> {
    return await (await this.box()).tier();
  }

  async #spawnConfined(
    input: StartInput,
    profile: Profile,
    clean: Variables,
    { overlay, ...streams }: StartPlace & { readonly stdin: "pipe" },
    context: StartContext,
  ): Promise<StartedCommand> {
    const argv = argvOf(input);
    assertCommand(profile, judgedCommand({ ...input, argv }));
    assertVariables(profile, [...Object.keys(input.environment), ...Object.keys(input.secrets)]);
    const network = networkOf(profile, askedNetwork(input));
    const sandbox = await this.box();
    const variables = {
      ...clean,
      ...(await sandbox.variables()),
      ...ownVariables(profile.inherit),
      ...profile.environment,
    };
    const { environment, secrets } = await environmentOf(input, variables, this.#ports.secrets, context);
    const confinement = confinementOf({
      ...(await this.#places(input)),
      ...{ profile: profile.base, network, paths: profile, limits: profile.sandbox, overlay },
    });
    this.#assertWanted(context);
    const started = await sandbox.start({ argv, environment, ...streams }, confinement, context.signal);
    // The node began to stop meanwhile, and did not know of this one.
    if (this.#stopping) started.child.kill("SIGKILL");
    return { ...started, child: maskedChild(started.child, secrets, this.#ports.clock) };
  }

  /**
   * The real path of a workspace that a command can run above without a change of it.
   *
   * @throws OperoneError `invalid_input` where there is nothing to protect, or no way to; `unsupported`
   */
  async workspaceBelowOverlay(input: StartInput): Promise<string> {
    const { profile } = input;
    if (profile !== "workspace") throw noDryRun(`the profile "${profile}" writes to no overlay`);
    const { workspace } = confinementOf({ ...(await this.#places(input)), profile, network: "none" });
    if (workspace === undefined) throw noDryRun("there is no workspace to be left as it is");
    const sandbox = await this.box();
    const tier = await sandbox.tier();
    if (!tier.ready) throw unsupported(tier);
    assertWalls(tier, "no dry run", "leave the dry run out");
    const { real } = await sandbox.workspace(workspace);
    if (isWithin(await realOf(this.#ports.host.dataDirectory), real))
      throw noDryRun("the workspace holds this node's data directory, which is where it would write");
    const [mounted] = await mountsBelow(real);
    if (mounted !== undefined)
      throw noDryRun(`another file system is mounted in the workspace, at ${JSON.stringify(mounted)}`);
    return real;
  }

  /** All before took its time. From the next line on there is something to end. */
  #assertWanted(context: StartContext): void {
    context.signal.throwIfAborted();
    if (this.#stopping) throw stopped();
  }

  /** What confines this node's commands. */
  async box(): Promise<Sandbox> {
    this.#home ??= homeOf(this.#ports);
    const { processes, host, log } = this.#ports;
    this.#sandbox ??= new Sandbox(
      {
        ...{
          processes,
          proxies: systemProxyPorts(log),
          dataDirectory: host.dataDirectory,
          home: await this.#home,
        },
        allowDegraded: this.#config.allowDegraded,
      },
      sandboxLimitsOf(this.#config),
    );
    return this.#sandbox;
  }

  /** A "~" alone stays: it is the home in the sandbox. */
  async #places({ workspace, workingDirectory }: StartInput) {
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

type Variables = Readonly<Record<string, string>>;

function noDryRun(why: string): OperoneError {
  return new OperoneError(
    "invalid_input",
    `There is no dry run of this command: ${why}; use the profile "workspace" with a workspace, or leave the dry run out`,
  );
}

export function stopped(): OperoneError {
  return new OperoneError("unavailable", "The node is stopping, and its commands with it; start it again");
}

/** @throws OperoneError `invalid_input` beyond the configured most */
export function boundOf(name: string, asked: number | undefined, usual: number, most: number): number {
  if (asked === undefined) return Math.min(usual, most);
  if (asked <= most) return asked;
  throw new OperoneError(
    "invalid_input",
    `"${name}" is ${asked}, and this node allows ${most}; ask for less, or raise the most in [shell] or its profile in config.toml`,
    { limit: most },
  );
}

function sandboxLimitsOf(config: ShellConfig): SandboxLimits {
  return {
    cpuSecondsMax: config.sandboxCpuSecondsMax,
    memoryBytesMax: config.sandboxMemoryBytesMax,
    processesMax: config.sandboxProcessesMax,
    openFilesMax: config.sandboxOpenFilesMax,
    fileBytesMax: config.sandboxFileBytesMax,
    diskBytesMax: config.sandboxDiskBytesMax,
    scratchBytesMax: config.sandboxScratchBytesMax,
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
