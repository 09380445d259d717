/** What a tier starts for a command, and what it leaves to be removed. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { ControlGroup } from "../../src/platform/control-groups.ts";
import type { Place } from "../../src/platform/place.ts";
import { makeScratch } from "../../src/platform/scratch.ts";
import { isList } from "./network.ts";
import { launcherWords, type SandboxPolicy, sandboxAccount } from "./sandbox-policy.ts";
import { reportError } from "./sandbox-report.ts";
import { isWithin } from "./sandbox-workspace.ts";
import type { ReadyTier } from "./tier.ts";
import { bubblewrapWords, lockWords } from "./tier-words.ts";

export interface TierStart {
  /** Before the command's own words. */
  readonly words: readonly string[];
  /** On top of the command's. */
  readonly environment: Readonly<Record<string, string>>;
  remove(): void;
}

type Started = Pick<ReadyTier, "name" | "launcher" | "bubblewrap"> & { readonly dataDirectory: string };

/** @throws OperoneError `unsupported` for what this tier cannot hold, `invalid_input` for a link to be protected */
export async function startOf(
  tier: Started,
  asked: SandboxPolicy,
  group: ControlGroup | undefined,
  terminal = false,
): Promise<TierStart> {
  const { launcher, bubblewrap = "bwrap" } = tier;
  const policy = { ...asked, group: group?.path };
  const usual = { environment: {}, remove: () => group?.remove() };
  // Landlock alone would have to give /dev/tty, which without a terminal of its own is that of the node.
  if (terminal && tier.name === "lock") assertWalls(tier, "no terminal", "start it without one");
  if (isList(policy.network)) assertWalls(tier, "no list of domains and ports", "ask for another network");
  if (policy.overlay !== undefined) assertWalls(tier, "no dry run", "leave the dry run out");
  switch (tier.name) {
    case "namespaces":
      return { ...usual, words: [launcher, ...launcherWords(policy, process.pid, terminal)] };
    case "bubblewrap":
      return { ...usual, words: await bubblewrapWords(policy, { program: bubblewrap, launcher }, terminal) };
    case "lock":
      return alone(tier, policy, () => group?.remove());
  }
}

/**
 * The lower tiers have no launcher outside that carries connections, and mount no overlay.
 *
 * @throws OperoneError `unsupported`
 */
export function assertWalls({ name }: Pick<ReadyTier, "name">, lacking: string, instead: string): void {
  if (name === "namespaces") return;
  throw new OperoneError(
    "unsupported",
    `This node confines commands by its tier "${name}", with which there is ${lacking}; ${instead}, or let "operone doctor" say how to confine better`,
  );
}

function alone(
  { launcher, dataDirectory }: Started,
  policy: SandboxPolicy,
  removeGroup: () => void,
): TierStart {
  assertNothingHidden(policy);
  const { path, remove } = makeScratch(dataDirectory, policy.runAs);
  const workingDirectory = policy.workingDirectory === policy.home ? path : policy.workingDirectory;
  const words = lockWords({ ...policy, home: path, workingDirectory }, "alone", process.pid);
  return {
    words: [launcher, ...words],
    environment: { HOME: path, TMPDIR: path },
    remove: () => {
      removeGroup();
      remove();
    },
  };
}

/** Landlock gives a folder with all that is in it. */
function assertNothingHidden({ hidden, workspace, system, shares = [] }: SandboxPolicy): void {
  const given = [
    ...system,
    ...(workspace === undefined ? [] : [workspace]),
    ...shares.map(({ path }) => path),
  ];
  const seen = hidden.find((path) => given.some((folder) => isWithin(path, folder)));
  if (seen === undefined) return;
  throw new OperoneError(
    "unsupported",
    `This node confines commands by Landlock alone, which cannot hide ${JSON.stringify(seen)} in what the command is given; name a workspace without it, or let "operone doctor" say how to confine better`,
  );
}

/**
 * A root node's commands are another user. Where the tier cannot show files as another's, that user is the owner of the
 * workspace, and never root.
 *
 * @throws OperoneError `unsupported`
 */
export function withOwner(policy: SandboxPolicy, place: Place | undefined): SandboxPolicy {
  if (policy.runAs === undefined || place === undefined) return policy;
  if (place.ownerId === 0) throw reportError({ stage: "idmap", reason: "EPERM", subject: place.real });
  const group = place.groupId === 0 ? sandboxAccount.group : place.groupId;
  return { ...policy, runAs: { user: place.ownerId, group } };
}
