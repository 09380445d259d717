/**
 * Confines commands with the launcher: asks once whether this machine can, and then makes the words for each command.
 * What cannot be confined is refused, and never run without.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Child, Processes, SpawnOptions } from "../../src/kernel/ports.ts";
import { type ControlGroups, delegatedGroups } from "../../src/platform/control-groups.ts";
import { installLauncher } from "../../src/platform/launcher.ts";
import type { Place } from "../../src/platform/place.ts";
import { lastWords, letGo, reportOf } from "./launcher-child.ts";
import { limitReason } from "./limit-reason.ts";
import type { Network } from "./network.ts";
import { noPaths, type ProfilePaths, sharesOf } from "./profile-paths.ts";
import type { ProxyPorts } from "./proxy.ts";
import type { StartedCommand } from "./running-command.ts";
import {
  type Account,
  type Profile,
  type SandboxLimits,
  type SandboxPolicy,
  sandboxAccount,
} from "./sandbox-policy.ts";
import {
  type LauncherReport,
  parseLocked,
  parseReport,
  reportError,
  systemFault,
  unsupported,
} from "./sandbox-report.ts";
import { type Places, placesOf, resolverFile, type System, systemOf } from "./sandbox-system.ts";
import { checkedWorkspace, isWithin } from "./sandbox-workspace.ts";
import { type Fault, type ReadyTier, type Tier, type TierName, tierNames } from "./tier.ts";
import { startOf, withOwner } from "./tier-start.ts";
import { systemProxyPorts, type WayOut, wayOut } from "./way-out.ts";

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
  /** The path of that program, null for none. Absent: where the system has it. */
  readonly bubblewrap?: string | null;
  /** Of the proxies of commands with a list of domains. Absent: the system's. */
  readonly proxies?: ProxyPorts;
  /** Whether the degraded tier may be used. */
  readonly allowDegraded?: boolean;
  /** No other tier is tried. */
  readonly only?: TierName;
}

export interface Confinement {
  readonly profile: Profile;
  readonly network: Network;
  /** As it was asked for. Absent: none, and the command works in its empty home. */
  readonly workspace: string | undefined;
  /** Takes what is written to the workspace, by its real path. Absent: the workspace itself. */
  readonly overlay?: string | undefined;
  /** "~" is the empty home. */
  readonly workingDirectory: string;
  /** Of a profile of the owner's. Absent: none. */
  readonly paths?: ProfilePaths;
  /** Absent: those of the sandbox. */
  readonly limits?: SandboxLimits;
  /**
   * Of the machine's system no more than these is there, and what the paths name is the program itself, wherever it
   * lies. Absent: what programs need.
   */
  readonly system?: readonly string[];
}

type Command = Omit<SpawnOptions, "workingDirectory" | "report">;
type ConfinedCommand = StartedCommand & Required<Pick<StartedCommand, "tier" | "limitReached">>;

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
  async start(command: Command, asked: Confinement, signal: AbortSignal): Promise<ConfinedCommand> {
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
  ): Promise<ConfinedCommand> {
    const place = asked.workspace === undefined ? undefined : await this.workspace(asked.workspace);
    const usual = await this.#policy(tier.system, asked, place?.real);
    const policy = tier.name === "namespaces" ? usual : withOwner(usual, place);
    const { proxies = systemProxyPorts(), dataDirectory } = this.#ports;
    const out = await wayOut(asked.network, proxies, dataDirectory);
    if (out === undefined) return await this.#asSomebody(tier, policy, place, command, signal);
    try {
      const started = await this.#asSomebody(tier, ...withWayOut(policy, place, command, out), signal);
      void started.child.exited.then(out.close);
      return { ...started, refusals: out.refusals };
    } catch (error) {
      out.close();
      throw error;
    }
  }

  /** As the sandbox's own account, or as the owner of the workspace. */
  async #asSomebody(
    tier: ReadyTier,
    policy: SandboxPolicy,
    place: Place | undefined,
    command: Command,
    signal: AbortSignal,
  ): Promise<ConfinedCommand> {
    const first = await this.#attempt(tier, policy, command, signal);
    if ("child" in first) return first;
    const owner = ownerInstead(first.report, place);
    if (owner === undefined) throw reportError(first.report);
    const second = await this.#attempt(tier, { ...policy, runAs: owner }, command, signal);
    if ("child" in second) return second;
    throw reportError(second.report);
  }

  /** @throws OperoneError `invalid_input`, `not_found`, `forbidden` for a folder that is no workspace */
  async workspace(asked: string): Promise<Place> {
    const { home, dataDirectory } = this.#ports;
    return await checkedWorkspace(asked, { home, dataDirectory });
  }

  async #policy(system: System, asked: Confinement, workspace: string | undefined): Promise<SandboxPolicy> {
    const { home, data } = await this.#places();
    const { profile, network, workingDirectory, paths = noPaths } = asked;
    const resolver = network === "full" ? await resolverFile() : [];
    return {
      profile,
      network,
      workspace,
      overlay: asked.overlay,
      home,
      workingDirectory: workingDirectory === "~" ? (workspace ?? home) : workingDirectory,
      system: asked.system ?? [...system.folders, ...resolver],
      links: asked.system === undefined ? system.links : [],
      hidden: [data, ...paths.hide].filter((path) => asked.system === undefined || !holds(path, paths.read)),
      shares: sharesOf(paths),
      runAs: this.#userId === 0 ? sandboxAccount : undefined,
      limits: asked.limits ?? this.#limits,
    };
  }

  async #attempt(
    tier: Omit<ReadyTier, "ready" | "better" | "system">,
    policy: SandboxPolicy,
    { argv, environment, stdin, terminal }: Command,
    signal: AbortSignal,
  ): Promise<ConfinedCommand | { readonly report: LauncherReport }> {
    signal.throwIfAborted();
    const group = tier.groups?.create(policy.limits);
    let outOfMemory = false;
    const from = { ...tier, dataDirectory: this.#ports.dataDirectory };
    const start = await startOf(from, policy, group, terminal !== undefined).catch((error: unknown) => {
      group?.remove();
      throw error;
    });
    const options = {
      argv: [...start.words, ...argv],
      workingDirectory: "/",
      environment: { ...environment, ...start.environment },
      stdin,
      ...(terminal === undefined ? {} : { terminal }),
    } as const;
    const child = this.#spawn({ ...options, report: true }, () => {
      outOfMemory = group?.outOfMemory() === true;
      start.remove();
    });
    const said = await reportOf(child, signal);
    const report = tier.name === "namespaces" ? parseReport(said) : await lockReport(said, child);
    if (report === undefined) {
      return { child, tier: tier.name, limitReached: (exit) => limitReason(exit, outOfMemory) };
    }
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
    const { dataDirectory, install = installLauncher, only } = this.#ports;
    const installed = await install(`${dataDirectory}/shell`);
    if ("why" in installed) return { ready: false, ...installed };
    const system = await systemOf();
    const better: (Fault & { readonly name: TierName })[] = [];
    for (const name of tierNames.filter((one) => only === undefined || one === only)) {
      const tier = this.#candidate(name, installed.path);
      const fault = "why" in tier ? tier : await this.#trial(tier, system);
      if (fault === undefined && "launcher" in tier) return { ready: true, ...tier, system, better };
      if (fault !== undefined) better.push({ name, ...fault });
    }
    const why = better.map((one) => `${one.name}: ${one.why}`).join("; ");
    return { ready: false, why, fix: better[0]?.fix ?? "use Linux" };
  }

  #candidate(name: TierName, launcher: string): Omit<ReadyTier, "ready" | "better" | "system"> | Fault {
    const { bubblewrap = Bun.which("bwrap", { PATH: "/usr/bin:/usr/local/bin:/bin" }) } = this.#ports;
    if (name === "bubblewrap") {
      if (bubblewrap !== null) return { name, launcher, bubblewrap, groups: undefined };
      return { why: "it is not installed", fix: "install bubblewrap (Debian: apt-get install bubblewrap)" };
    }
    if (name === "lock" && this.#ports.allowDegraded !== true) {
      return {
        why: "the configuration does not allow it",
        fix: "set shell.allowDegraded, if that is enough",
      };
    }
    return { name, launcher, groups: this.#ports.groups ?? delegatedGroups() };
  }

  /** Undefined: a command ran in it. */
  async #trial(
    tier: Omit<ReadyTier, "ready" | "better" | "system">,
    system: System,
  ): Promise<Fault | undefined> {
    const { processes, dataDirectory } = this.#ports;
    const signal = AbortSignal.timeout(probeMs);
    const confinement = { ...trialConfinement, workspace: undefined };
    try {
      const policy = await this.#policy(system, confinement, undefined);
      const command = { argv: ["true"], environment: processes.cleanEnvironment(), stdin: "none" } as const;
      const tried = await this.#attempt(tier, policy, command, signal);
      if ("report" in tried) return faultOf(tried.report);
      const { code, signal: endedBy } = await tried.child.exited;
      await letGo(tried.child);
      if (code === 0) return undefined;
      const why = `"true" ended with ${endedBy ?? code} in the sandbox`;
      return { why, fix: "see the system's log for what ended it" };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { why, fix: `see whether files in ${dataDirectory} may be executed (mount option noexec)` };
    }
  }
}

/** It cannot be hidden with the program in it, and of the rest of it nothing is there anyway. */
function holds(folder: string, paths: readonly string[]): boolean {
  return paths.some((path) => isWithin(path, folder));
}

const trialConfinement = { profile: "read-only", network: "none", workingDirectory: "~" } as const;

/** Undefined: it is locked and has started. Nothing at all: it never came so far, and bubblewrap said why. */
async function lockReport(said: Uint8Array, child: Child): Promise<LauncherReport | undefined> {
  if (said.length > 0) return parseLocked(said);
  return { stage: "bubblewrap", reason: "", subject: await lastWords(child) };
}

function withWayOut(
  policy: SandboxPolicy,
  place: Place | undefined,
  command: Command,
  { forwards, environment }: WayOut,
): [SandboxPolicy, Place | undefined, Command] {
  const variables = { ...environment, ...command.environment };
  return [{ ...policy, forwards }, place, { ...command, environment: variables }];
}

function faultOf(report: LauncherReport) {
  return systemFault(report) ?? { why: reportError(report).message, fix: "mend what it names" };
}

/** Where files cannot be shown as another's, the command is their owner; but never root. */
function ownerInstead({ stage, subject }: LauncherReport, place: Place | undefined): Account | undefined {
  if (stage !== "idmap" || place === undefined || place.real !== subject || place.ownerId === 0)
    return undefined;
  return { user: place.ownerId, group: place.groupId === 0 ? sandboxAccount.group : place.groupId };
}

/** @throws OperoneError `invalid_input` */
export function confinementOf(asked: Confinement): Confinement {
  const { workspace, workingDirectory } = asked;
  if (workspace === undefined) {
    return { ...asked, workspace: workingDirectory === "~" ? undefined : workingDirectory };
  }
  if (workingDirectory === "~" || isWithin(workingDirectory, workspace.replace(/(?<=.)\/+$/, "")))
    return asked;
  throw new OperoneError(
    "invalid_input",
    `The working directory ${JSON.stringify(workingDirectory)} is not in the workspace ${JSON.stringify(workspace)}; leave it out, or name a folder in the workspace`,
  );
}
