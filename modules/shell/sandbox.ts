/**
 * Confines commands with the launcher: asks once whether this machine can, and then makes the words for each command.
 * What cannot be confined is refused, and never run without.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Child, Processes, SpawnOptions } from "../../src/kernel/ports.ts";
import { type ControlGroups, delegatedGroups } from "../../src/platform/control-groups.ts";
import { installLauncher } from "../../src/platform/launcher.ts";
import { linkText, type Place } from "../../src/platform/place.ts";
import {
  type Account,
  launcherWords,
  type Network,
  type Profile,
  type SandboxLimits,
  type SandboxPolicy,
  sandboxAccount,
} from "./sandbox-policy.ts";
import {
  type LauncherReport,
  parseReport,
  reportBytesMax,
  reportError,
  systemFault,
  unsupported,
} from "./sandbox-report.ts";
import { checkedWorkspace, isWithin, realOf } from "./sandbox-workspace.ts";

export interface SandboxPorts {
  readonly processes: Processes;
  readonly dataDirectory: string;
  /** The home of the node's user: what the command has in its place is empty. */
  readonly home: string;
  /** Puts the launcher into a folder. Absent: the one of this program. */
  readonly install?: typeof installLauncher;
  readonly startMsMax?: number;
  /** Absent: those that the system gave to this node, if any. */
  readonly groups?: ControlGroups;
}

interface ReadyTier {
  readonly ready: true;
  readonly launcher: string;
  readonly system: System;
  /** Undefined: memory is limited for each process alone. */
  readonly groups: ControlGroups | undefined;
}

export type Tier = ReadyTier | { readonly ready: false; readonly why: string; readonly fix: string };

export interface Confinement {
  readonly profile: Profile;
  readonly network: Network;
  /** As it was asked for. Absent: none, and the command works in its empty home. */
  readonly workspace: string | undefined;
  /** "~" is the empty home. */
  readonly workingDirectory: string;
}

type Command = Omit<SpawnOptions, "workingDirectory" | "report">;

interface System {
  readonly folders: readonly string[];
  readonly links: readonly { readonly text: string; readonly path: string }[];
}

/** What programs need of a system. The rest, with all data, logs and sockets, is not there. */
const systemPaths = ["/usr", "/etc", "/opt", "/nix", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

const probeMs = 10_000;
/** Until the command runs: a dead network disk can hold a mount for ever. */
const startMsMax = 30_000;

export class Sandbox {
  readonly #ports: SandboxPorts;
  readonly #limits: SandboxLimits;
  readonly #userId: number;
  #tier: Promise<Tier> | undefined;
  #known: Promise<Places> | undefined;

  constructor(ports: SandboxPorts, limits: SandboxLimits) {
    this.#ports = ports;
    this.#limits = limits;
    this.#userId = process.getuid?.() ?? -1;
  }

  /** Tried by running it, at the first question. A machine that cannot is asked again, for it may be mended. */
  async tier(): Promise<Tier> {
    this.#tier ??= this.#probe();
    const tier = await this.#tier;
    if (!tier.ready) this.#tier = undefined;
    return tier;
  }

  /** Variables that name folders of the sandbox; they belong under those that a caller sets. */
  async variables(): Promise<Readonly<Record<string, string>>> {
    return { HOME: (await this.#places()).home, TMPDIR: "/tmp" };
  }

  /** They do not change while the node runs, and each look costs a turn of the thread pool. */
  #places(): Promise<Places> {
    this.#known ??= placesOf(this.#ports);
    return this.#known;
  }

  /**
   * Runs the command confined.
   *
   * @throws OperoneError `unsupported` where it cannot be confined, `invalid_input` for a workspace that is none,
   *   `not_found` and `forbidden` as for any program, `unavailable` when it does not come about in time
   */
  async start(command: Command, asked: Confinement, signal: AbortSignal): Promise<Child> {
    const tier = await this.tier();
    if (!tier.ready) throw unsupported(tier);
    const limit = AbortSignal.timeout(this.#ports.startMsMax ?? startMsMax);
    try {
      return await this.#attempts(tier, command, asked, AbortSignal.any([signal, limit]));
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error;
      throw new OperoneError(
        "unavailable",
        "The sandbox was not ready in time, and was given up; see whether the disk of the workspace answers",
      );
    }
  }

  async #attempts(
    tier: ReadyTier,
    command: Command,
    asked: Confinement,
    signal: AbortSignal,
  ): Promise<Child> {
    const place = asked.workspace === undefined ? undefined : await this.#workspace(asked.workspace);
    const policy = await this.#policy(tier.system, asked, place?.real);
    const first = await this.#attempt(tier, policy, command, signal);
    if ("child" in first) return first.child;
    const owner = ownerInstead(first.report, place);
    if (owner === undefined) throw reportError(first.report);
    const second = await this.#attempt(tier, { ...policy, runAs: owner }, command, signal);
    if ("child" in second) return second.child;
    throw reportError(second.report);
  }

  async #workspace(asked: string): Promise<Place> {
    const { home, dataDirectory } = this.#ports;
    return await checkedWorkspace(asked, { home, dataDirectory });
  }

  async #policy(system: System, asked: Confinement, workspace: string | undefined): Promise<SandboxPolicy> {
    const { home, data } = await this.#places();
    const { profile, network, workingDirectory } = asked;
    const resolver = network === "full" ? await resolverFile() : [];
    return {
      profile,
      network,
      workspace,
      home,
      workingDirectory: workingDirectory === "~" ? (workspace ?? home) : workingDirectory,
      system: [...system.folders, ...resolver],
      links: system.links,
      hidden: [data],
      runAs: this.#userId === 0 ? sandboxAccount : undefined,
      limits: this.#limits,
    };
  }

  async #attempt(
    { launcher, groups }: Pick<ReadyTier, "launcher" | "groups">,
    policy: SandboxPolicy,
    { argv, environment, stdin }: Command,
    signal: AbortSignal,
  ): Promise<{ readonly child: Child } | { readonly report: LauncherReport }> {
    signal.throwIfAborted();
    const group = groups?.create(this.#limits);
    const words = launcherWords({ ...policy, group: group?.path }, process.pid);
    const options = {
      argv: [launcher, ...words, ...argv],
      workingDirectory: "/",
      environment,
      stdin,
    } as const;
    const child = this.#spawn({ ...options, report: true }, () => group?.remove());
    const report = parseReport(await reportOf(child, signal));
    if (report === undefined) return { child };
    await letGo(child);
    return { report };
  }

  #spawn(options: SpawnOptions, ended: () => void): Child {
    try {
      const child = this.#ports.processes.spawn(options);
      void child.exited.then(ended);
      return child;
    } catch (error) {
      ended();
      throw error;
    }
  }

  async #probe(): Promise<Tier> {
    const { processes, dataDirectory, install = installLauncher } = this.#ports;
    const installed = await install(`${dataDirectory}/shell`);
    if ("why" in installed) return { ready: false, ...installed };
    const system = await systemOf();
    const groups = this.#ports.groups ?? delegatedGroups();
    const signal = AbortSignal.timeout(probeMs);
    const confinement = {
      profile: "read-only",
      network: "none",
      workspace: undefined,
      workingDirectory: "~",
    } as const;
    try {
      const policy = await this.#policy(system, confinement, undefined);
      const command = { argv: ["true"], environment: processes.cleanEnvironment(), stdin: "none" } as const;
      const tried = await this.#attempt({ launcher: installed.path, groups }, policy, command, signal);
      if ("report" in tried) return { ready: false, ...faultOf(tried.report) };
      const { code, signal: endedBy } = await tried.child.exited;
      await letGo(tried.child);
      if (code === 0) return { ready: true, launcher: installed.path, system, groups };
      const why = `"true" ended with ${endedBy ?? code} in the sandbox`;
      return { ready: false, why, fix: "see the system's log for what ended it" };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return {
        ready: false,
        why,
        fix: `see whether files in ${dataDirectory} may be executed (mount option noexec)`,
      };
    }
  }
}

function faultOf(report: LauncherReport) {
  return systemFault(report) ?? { why: reportError(report).message, fix: "mend what it names" };
}

/** Where files cannot be shown as another's, the command is their owner; but never root. */
function ownerInstead({ stage }: LauncherReport, place: Place | undefined): Account | undefined {
  if (stage !== "idmap" || place === undefined || place.ownerId === 0) return undefined;
  return { user: place.ownerId, group: place.groupId === 0 ? sandboxAccount.group : place.groupId };
}

/** Ends with the start of the command: then the launcher lets go of the pipe. */
async function reportOf(child: Child, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const onAbort = () => void child.kill("SIGKILL");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for await (const part of child.report ?? []) {
      parts.push(part);
      bytes += part.length;
      if (bytes > reportBytesMax) break;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  if (signal.aborted) {
    await letGo(child);
    signal.throwIfAborted();
  }
  return Buffer.concat(parts).subarray(0, reportBytesMax);
}

/** A child that nobody is to hear of: ended, and its pipes closed. */
async function letGo(child: Child): Promise<void> {
  child.kill("SIGKILL");
  child.closeStdin();
  await Promise.all([child.stdout, child.stderr].map((pipe) => pipe[Symbol.asyncIterator]().return?.()));
  await child.exited;
}

async function systemOf(): Promise<System> {
  const folders: string[] = [];
  const links: { text: string; path: string }[] = [];
  for (const path of systemPaths) {
    const text = await linkText(path);
    if (text === undefined) folders.push(path);
    else if (text !== null) links.push({ text, path });
  }
  return { folders, links };
}

/** Many systems keep it in /run, which is not there. */
async function resolverFile(): Promise<readonly string[]> {
  const real = await realOf("/etc/resolv.conf");
  return isWithin(real, "/run") ? [real] : [];
}

interface Places {
  /** Inside. */
  readonly home: string;
  /** The data directory by its real path. */
  readonly data: string;
}

/** Where the data directory is or holds the home, as for the user of a service, the home is elsewhere to be seen. */
async function placesOf({ home, dataDirectory }: SandboxPorts): Promise<Places> {
  const data = await realOf(dataDirectory);
  const covered = [dataDirectory, data].some((folder) => isWithin(home, folder));
  return { home: homeInside(covered ? "/" : home), data };
}

/** The same path, so that programs find what they expect; another where the system or nothing is. */
function homeInside(home: string): string {
  const taken =
    home === "/" || home === "/tmp" || [...systemPaths, "/proc", "/dev"].some((path) => isWithin(home, path));
  return !home.startsWith("/") || taken ? "/home/sandbox" : home;
}

/** @throws OperoneError `invalid_input` */
export function confinementOf(asked: {
  readonly profile: Profile;
  readonly network: Network;
  readonly workspace: string | undefined;
  readonly workingDirectory: string;
}): Confinement {
  const { workspace, workingDirectory, profile, network } = asked;
  if (workspace === undefined) {
    return {
      profile,
      network,
      workingDirectory,
      workspace: workingDirectory === "~" ? undefined : workingDirectory,
    };
  }
  if (workingDirectory === "~" || isWithin(workingDirectory, workspace.replace(/(?<=.)\/+$/, ""))) {
    return { profile, network, workingDirectory, workspace };
  }
  throw new OperoneError(
    "invalid_input",
    `The working directory ${JSON.stringify(workingDirectory)} is not in the workspace ${JSON.stringify(workspace)}; leave it out, or name a folder in the workspace`,
  );
}
