/** How a policy is said to the tiers that have no walls of the launcher's own. */
import { OperoneError } from "../../src/kernel/error.ts";
import { linkText, placeOf } from "../../src/platform/place.ts";
import {
  foldersAbove,
  keptIn,
  kernelNetwork,
  limitWords,
  pinned,
  type SandboxPolicy,
  shielded,
  shieldedFolders,
} from "./sandbox-policy.ts";
import { isWithin } from "./sandbox-workspace.ts";

/** The launcher in the sandbox of bubblewrap. */
const launcherInside = "/.launcher";

/** For the launcher: the lock alone. `place`: "inside" of bubblewrap, or "alone" on the host as it is. */
export function lockWords(
  policy: SandboxPolicy,
  place: "inside" | "alone",
  parent: number,
  terminal = false,
): readonly string[] {
  const { runAs, workspace, profile, limits, shares = [], group } = policy;
  const scratch = place === "inside" ? ["/tmp", policy.home] : [policy.home];
  return [
    ...["--locked", place, "--parent", `${parent}`, "--network", kernelNetwork(policy)],
    ...(runAs === undefined ? [] : ["--run-as", `${runAs.user}`, `${runAs.user}`, `${runAs.group}`]),
    ...policy.system.flatMap((path) => ["--read-only", path, path]),
    ...scratch.flatMap((path) => ["--scratch", path, `${limits.scratchBytesMax}`]),
    ...(workspace === undefined ? [] : ["--workspace", workspace, profile === "workspace" ? "rw" : "ro"]),
    ...shares.flatMap(({ path, writable }) => ["--share", path, writable ? "rw" : "ro"]),
    ...limitWords(limits),
    ...(group === undefined ? [] : ["--group", group]),
    ...(terminal ? ["--terminal"] : []),
    ...["--folder", policy.workingDirectory, "--"],
  ];
}

/** For the launcher in front of bubblewrap, which knows neither control groups nor how to let go of a terminal. */
function outsideWords(
  { runAs, group }: SandboxPolicy,
  launcher: string,
  terminal: boolean,
): readonly string[] {
  if (!terminal && group === undefined) return [];
  return [
    ...[launcher, "--locked", "outside", "--parent", `${process.pid}`],
    ...(runAs === undefined ? [] : ["--run-as", `${runAs.user}`, `${runAs.user}`, `${runAs.group}`]),
    ...(group === undefined ? [] : ["--group", group]),
    ...(terminal ? ["--terminal"] : []),
    "--",
  ];
}

/** Rights that the launcher needs inside to become another user, and gives away with that. */
const rootWords = ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_CHOWN"].flatMap((name) => [
  "--cap-add",
  name,
]);

/** The whole of bubblewrap's words, with the launcher's behind them. */
export async function bubblewrapWords(
  policy: SandboxPolicy,
  { program, launcher }: { readonly program: string; readonly launcher: string },
  terminal = false,
): Promise<readonly string[]> {
  const { runAs, workspace, limits, profile, shares = [] } = policy;
  const write = profile === "workspace" ? "--bind" : "--ro-bind";
  return [
    ...outsideWords(policy, launcher, terminal),
    ...[program, "--die-with-parent", "--hostname", "sandbox"],
    ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...(kernelNetwork(policy) === "none" ? ["--unshare-net"] : []),
    ...(runAs === undefined ? [] : rootWords),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...parentWords(policy.system),
    ...policy.system.flatMap((path) => ["--ro-bind-try", path, path]),
    ...policy.links.flatMap(({ text, path }) => ["--symlink", text, path]),
    ...["/tmp", policy.home].flatMap((path) => scratchWords(path, limits.scratchBytesMax)),
    ...(workspace === undefined ? [] : [write, workspace, workspace]),
    ...(profile === "workspace" ? pinWords(policy) : []),
    ...parentWords(shares.map(({ path }) => path)),
    ...shares.flatMap(({ path, writable }) => [writable ? "--bind" : "--ro-bind", path, path]),
    ...(workspace !== undefined && profile === "workspace" ? await shieldWords(workspace) : []),
    ...(await hideWords(policy)),
    // Last, so that nothing that is bound above can cover it: a root node's bubblewrap leaves it to be written.
    ...["--ro-bind", "/proc/sys", "/proc/sys"],
    ...["--ro-bind", launcher, launcherInside, "--remount-ro", "/"],
    ...["--", launcherInside, ...lockWords({ ...policy, group: undefined }, "inside", 1, terminal)],
  ];
}

/** What bubblewrap makes above a path by itself is for root alone, and the command may be another user. */
function parentWords(paths: readonly string[]): readonly string[] {
  const parents = paths.flatMap((path) => {
    const names = path.split("/").slice(1, -1);
    return names.map((_, at) => `/${names.slice(0, at + 1).join("/")}`);
  });
  return [...new Set(parents)].flatMap((path) => ["--dir", path]);
}

function scratchWords(path: string, bytes: number): readonly string[] {
  return ["--perms", path === "/tmp" ? "1777" : "0777", "--size", `${bytes}`, "--tmpfs", path];
}

/**
 * Bubblewrap follows links, so each is looked at before.
 *
 * @throws OperoneError `invalid_input` for a link in the place of what is to be protected
 */
async function shieldWords(workspace: string): Promise<readonly string[]> {
  const words: string[] = [];
  const names = [...pinned, ...shieldedFolders, ...shielded];
  for (const name of names) {
    const path = `${workspace}/${name}`;
    const text = await linkText(path);
    if (text === null && !shieldedFolders.includes(name)) continue;
    if (typeof text === "string") {
      throw new OperoneError(
        "invalid_input",
        `${JSON.stringify(path)} cannot be protected from the command, because it is a link; replace it, or ask for the profile "read-only"`,
      );
    }
    const folder = text !== null && (await placeOf(path)).kind === "directory";
    if (text === null) {
      if (words.includes(`${workspace}/.git`)) words.push("--dir", path, "--ro-bind", path, path);
    } else words.push(pinned.includes(name) && folder ? "--bind" : "--ro-bind", path, path);
  }
  return words;
}

/** What is hidden and can be seen through the rest. */
async function hideWords({
  hidden,
  workspace,
  system,
  shares = [],
}: SandboxPolicy): Promise<readonly string[]> {
  const words: string[] = [];
  const around = [
    ...system,
    ...(workspace === undefined ? [] : [workspace]),
    ...shares.map(({ path }) => path),
  ];
  for (const path of hidden.filter((one) => around.some((folder) => isWithin(one, folder)))) {
    const place = await placeOf(path).catch(() => undefined);
    if (place?.kind === "directory") words.push("--perms", "0000", "--tmpfs", path, "--remount-ro", path);
    else if (place !== undefined) words.push("--ro-bind", "/dev/null", path);
  }
  return words;
}

/** Mounted onto themselves they cannot be moved, and what is hidden in them with them. */
function pinWords(policy: SandboxPolicy): readonly string[] {
  const { workspace } = policy;
  if (workspace === undefined) return [];
  const above = keptIn(policy).flatMap((path) => foldersAbove(path, workspace));
  return above.flatMap((name) => ["--bind-try", `${workspace}/${name}`, `${workspace}/${name}`]);
}
