/** What a confined command may do, as the launcher's words (modules/shell/launcher/policy.h). */
import type { Network } from "./network.ts";

export const profiles = ["read-only", "workspace"] as const;
export type Profile = (typeof profiles)[number];

/** What one sandbox may use. */
export interface SandboxLimits {
  /** Of each process. */
  readonly cpuSecondsMax: number;
  /** Private memory of each process, and of all together. */
  readonly memoryBytesMax: number;
  /** What each process may map to write, used or not. Absent: as much as its memory. */
  readonly mappedBytesMax?: number;
  readonly processesMax: number;
  readonly openFilesMax: number;
  /** Of each file that is written. */
  readonly fileBytesMax: number;
  /** By which the disks that it can write may lose free room while it runs, whoever takes it. */
  readonly diskBytesMax: number;
  /** Of each folder that lives in memory: the home, and the one for temporary files. */
  readonly scratchBytesMax: number;
}

/** A user and group that the command is on the host, when the node is root. */
export interface Account {
  readonly user: number;
  readonly group: number;
}

export interface Share {
  readonly path: string;
  readonly writable: boolean;
}

/** What the launcher carries from a port of the command's own loopback to the outside. */
export interface Forward {
  readonly port: number;
  /** A Unix socket, or a port of the machine's loopback. */
  readonly target: string | number;
}

export interface SandboxPolicy {
  readonly profile: Profile;
  readonly network: Network;
  /** Where the network is a list: what that means. */
  readonly forwards?: readonly Forward[];
  /** A real path, checked. Absent: there is none. */
  readonly workspace: string | undefined;
  /** A folder of the node's own that takes what is written to the workspace. Absent: the workspace itself. */
  readonly overlay?: string | undefined;
  /** Inside. */
  readonly workingDirectory: string;
  readonly home: string;
  /** Folders of the system, at the same place inside. */
  readonly system: readonly string[];
  /** Links of the system: what each says, and where. */
  readonly links: readonly { readonly text: string; readonly path: string }[];
  /** What must not be seen, even below what may. */
  readonly hidden: readonly string[];
  /** More of the machine, by real paths, a folder before what is in it. */
  readonly shares?: readonly Share[];
  readonly runAs: Account | undefined;
  /** A control group to join. Absent: there is none, and memory is limited for each process alone. */
  readonly group?: string | undefined;
  readonly limits: SandboxLimits;
}

/** Outside the ids of accounts, of subordinate ids and of containers, as systemd divides them. */
export const sandboxAccount: Account = { user: 0x7000_0000, group: 0x7000_0000 };

/** What the command is to itself when it is not the node's user: in most systems the first person. */
const insideId = 1_000;

/** A repository may be worked with, but not made to run something when its owner uses it. */
export const pinned: readonly string[] = [".git"];
export const shieldedFolders: readonly string[] = [".git/hooks"];
export const shielded: readonly string[] = [
  ".git/config",
  ".git/config.worktree",
  ".git/commondir",
  ".git/modules",
  // Read by shells, editors and other programs that people start in a folder.
  ".bash_login",
  ".bash_logout",
  ".bash_profile",
  ".bashrc",
  ".profile",
  ".zlogin",
  ".zprofile",
  ".zshenv",
  ".zshrc",
  ".gitconfig",
  ".gitmodules",
  ".envrc",
  ".mcp.json",
  ".npmrc",
  ".ripgreprc",
  ".claude",
  ".cursor",
  ".devcontainer",
  ".husky",
  ".idea",
  ".vscode",
];

/**
 * The names of these that the workspace has are not to be changed; the folder of hooks where there is a repository.
 * What is a folder may be changed below where its name is only pinned.
 */
export const protectedNames = { pinned, folders: shieldedFolders, names: shielded } as const;

/** The words before the command. Each path is a word of its own, so none can be read as anything else. */
export function launcherWords(policy: SandboxPolicy, parent: number, terminal = false): readonly string[] {
  const { runAs, workspace, group, limits, shares = [], forwards = [] } = policy;
  return [
    ...["--parent", `${parent}`, "--network", kernelNetwork(policy)],
    ...forwards.flatMap(({ port, target }) => ["--forward", `${port}`, `${target}`]),
    ...(runAs === undefined ? [] : ["--run-as", `${insideId}`, `${runAs.user}`, `${runAs.group}`]),
    ...policy.system.flatMap((path) => ["--read-only", path, path]),
    ...policy.links.flatMap(({ text, path }) => ["--link", text, path]),
    ...["--scratch", "/tmp", `${limits.scratchBytesMax}`],
    ...["--scratch", policy.home, `${limits.scratchBytesMax}`],
    ...(workspace === undefined ? [] : workspaceWords(workspace, policy)),
    ...shares.flatMap(({ path, writable }) => ["--share", path, writable ? "rw" : "ro"]),
    ...policy.hidden.flatMap((path) => ["--hide", path]),
    ...limitWords(limits),
    // A group counts exactly, and at once.
    ...(group === undefined ? ["--memory", `${limits.memoryBytesMax}`] : ["--group", group]),
    ...["--disk", `${limits.diskBytesMax}`],
    ...(terminal ? ["--terminal"] : []),
    ...["--folder", policy.workingDirectory, "--"],
  ];
}

/** A list is no network at all to the kernel: the launcher carries what is allowed. */
export function kernelNetwork({ network }: Pick<SandboxPolicy, "network">): "none" | "full" {
  return network === "full" ? "full" : "none";
}

/** Relative. The folders between the workspace and what is hidden or kept in it: moved away, they would take that along. */
export function foldersAbove(hidden: string, workspace: string): readonly string[] {
  if (!hidden.startsWith(`${workspace}/`)) return [];
  const names = hidden.slice(workspace.length + 1).split("/");
  return names.slice(1).map((_, at) => names.slice(0, at + 1).join("/"));
}

/** What must stay where it is. */
export function keptIn({ hidden, shares = [] }: Pick<SandboxPolicy, "hidden" | "shares">): readonly string[] {
  return [...hidden, ...shares.filter(({ writable }) => !writable).map((share) => share.path)];
}

function workspaceWords(
  path: string,
  { profile, hidden, shares = [], overlay }: SandboxPolicy,
): readonly string[] {
  if (profile === "read-only") return ["--workspace", path, "ro"];
  const kept = keptIn({ hidden, shares });
  return [
    ...["--workspace", path, "rw"],
    ...(overlay === undefined ? [] : ["--overlay", overlay]),
    ...[...pinned, ...kept.flatMap((one) => foldersAbove(one, path))].flatMap((name) => ["--pin", name]),
    ...shieldedFolders.flatMap((name) => ["--shield-folder", name]),
    ...shielded.flatMap((name) => ["--shield", name]),
  ];
}

export function limitWords(limits: SandboxLimits): readonly string[] {
  const each: readonly (readonly [string, number])[] = [
    ["cpu", limits.cpuSecondsMax],
    ["data", limits.mappedBytesMax ?? limits.memoryBytesMax],
    ["nproc", limits.processesMax],
    ["nofile", limits.openFilesMax],
    ["fsize", limits.fileBytesMax],
  ];
  return each.flatMap(([name, value]) => ["--limit", name, `${value}`]);
}
