/** The profiles of confined commands: those that every node has, and the owner's from the configuration. */
import { OperoneError } from "../../src/kernel/error.ts";
import { type CommandWord, covers, parsePattern } from "./command-pattern.ts";
import { isCovered, type Network, networkText } from "./network.ts";
import type { ProfileConfig } from "./profile-config.ts";
import { noPaths, type ProfilePaths } from "./profile-paths.ts";
import { type Profile as Base, profiles, type SandboxLimits } from "./sandbox-policy.ts";

/** What holds for a command, when nothing is left to be looked up. */
export interface Profile extends ProfilePaths {
  readonly name: string;
  readonly base: Base;
  /** For a call that names none. */
  readonly network: Network;
  /** The most that a call may name. */
  readonly networkMax: Network;
  /** Fixed: no call changes them. */
  readonly environment: Readonly<Record<string, string>>;
  /** Names of the node's own variables that are passed on. */
  readonly inherit: readonly string[];
  /** Patterns; null: every command. */
  readonly commands: readonly string[] | null;
  readonly timeoutMsMax: number;
  /** The most that a session may take. Undefined: it may run for ever. */
  readonly sessionMsMax: number | undefined;
  readonly outputBytesMax: number;
  readonly sandbox: SandboxLimits;
}

/** Of a node, for what a profile leaves out. */
export interface UsualLimits {
  readonly timeoutMsMax: number;
  readonly outputBytesMax: number;
  readonly sandbox: SandboxLimits;
}

export class Profiles {
  readonly #all: ReadonlyMap<string, Profile>;

  constructor(own: Readonly<Record<string, ProfileConfig>>, usual: UsualLimits) {
    const all = [
      ...profiles.map((base) => builtIn(base, usual)),
      ...Object.entries(own).map(([name, config]) => ownProfile(name, config, usual)),
    ];
    this.#all = new Map(all.map((profile) => [profile.name, profile]));
  }

  all(): readonly Profile[] {
    return [...this.#all.values()];
  }

  /** @throws OperoneError `invalid_input` with the names that there are */
  named(name: string): Profile {
    const found = this.#all.get(name);
    if (found !== undefined) return found;
    throw new OperoneError(
      "invalid_input",
      `There is no profile ${JSON.stringify(name)} on this node; take one of ${[...this.#all.keys()].join(", ")}, or write [shell.profiles.${name}] in its config.toml`,
    );
  }
}

function builtIn(base: Base, usual: UsualLimits): Profile {
  const open = { environment: {}, inherit: [], commands: null, sessionMsMax: undefined };
  return { ...noPaths, ...open, ...usual, name: base, base, network: "none", networkMax: "full" };
}

function ownProfile(name: string, config: ProfileConfig, usual: UsualLimits): Profile {
  const { base, read, write, hide, environment, inherit, network, commands, limits } = config;
  return {
    ...{ name, base, read, write, hide, environment, inherit },
    ...{ network, networkMax: network, commands: commands ?? null },
    timeoutMsMax: limits.timeoutMsMax ?? usual.timeoutMsMax,
    sessionMsMax: limits.timeoutMsMax,
    outputBytesMax: limits.outputBytesMax ?? usual.outputBytesMax,
    sandbox: {
      cpuSecondsMax: limits.cpuSecondsMax ?? usual.sandbox.cpuSecondsMax,
      memoryBytesMax: limits.memoryBytesMax ?? usual.sandbox.memoryBytesMax,
      processesMax: limits.processesMax ?? usual.sandbox.processesMax,
      openFilesMax: limits.openFilesMax ?? usual.sandbox.openFilesMax,
      fileBytesMax: limits.fileBytesMax ?? usual.sandbox.fileBytesMax,
      diskBytesMax: limits.diskBytesMax ?? usual.sandbox.diskBytesMax,
      scratchBytesMax: limits.scratchBytesMax ?? usual.sandbox.scratchBytesMax,
    },
  };
}

/** @throws OperoneError `forbidden` when the profile does not give so much network */
export function networkOf({ name, network, networkMax }: Profile, asked: Network | undefined): Network {
  if (asked === undefined) return network;
  if (isCovered(asked, networkMax)) return asked;
  throw new OperoneError(
    "forbidden",
    `The profile ${JSON.stringify(name)} gives the network "${networkText(networkMax)}", and not "${networkText(asked)}"; ask for no more, or name another profile`,
  );
}

/** @throws OperoneError `forbidden` for a command that is not among the profile's, `argv` being as scopes judge it */
export function assertCommand({ name, commands }: Profile, argv: readonly CommandWord[]): void {
  if (commands === null || commands.some((text) => coversAll(text, argv))) return;
  throw new OperoneError(
    "forbidden",
    `The profile ${JSON.stringify(name)} does not allow the command ${JSON.stringify(argv[0])} with these arguments; see its commands with "operone profiles"`,
  );
}

function coversAll(text: string, argv: readonly CommandWord[]): boolean {
  const pattern = parsePattern(text);
  return typeof pattern !== "string" && covers(pattern, argv);
}

/** @throws OperoneError `forbidden` for a variable that the profile has fixed */
export function assertVariables({ name, environment }: Profile, asked: readonly string[]): void {
  const fixed = asked.find((variable) => Object.hasOwn(environment, variable));
  if (fixed === undefined) return;
  throw new OperoneError(
    "forbidden",
    `The variable ${JSON.stringify(fixed)} is fixed by the profile ${JSON.stringify(name)}; leave it out`,
  );
}
