/** What the weaker tiers do not hold, and why: attempts that get through there, and are told in SECURITY.md. */
import type { TierName } from "../../modules/shell/tier.ts";

export interface Weakness {
  readonly tier: TierName;
  /** As SECURITY.md says it. */
  readonly why: string;
  /** Names of attempts. */
  readonly attempts: readonly string[];
}

export const weaknesses: readonly Weakness[] = [
  {
    tier: "bubblewrap",
    why: "the words of bubblewrap, with the paths of the policy, can be read",
    attempts: ["read the words of the first process"],
  },
  {
    tier: "lock",
    why: "processes of the host can be seen with their words",
    attempts: ["see another process", "read the words of the first process"],
  },
  {
    tier: "lock",
    why: "whether a file exists can be seen, with its size and times",
    attempts: ["list the folder around", "see the kernel's messages"],
  },
  {
    tier: "lock",
    why: "git's hooks and files of settings in a writable workspace can be changed",
    attempts: [
      "plant a git hook",
      "change a git hook",
      "change git's settings",
      "change them by another name",
      "move the hooks away",
      "move the repository away",
      "change what a shell reads",
      "replace what a shell reads",
      "plant an editor's task",
      "replace git's settings",
      "remove git's settings",
      "change their time",
    ],
  },
  {
    tier: "lock",
    why: "an ordinary node's commands keep the bounding set of its user, which gives them nothing",
    attempts: ["raise the own rights"],
  },
];

export function weakOf(tier: TierName): ReadonlySet<string> {
  return new Set(weaknesses.filter((one) => one.tier === tier).flatMap(({ attempts }) => attempts));
}
