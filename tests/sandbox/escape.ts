/** The suite of escapes, for every account and profile; whoever adds a way to confine commands runs it too. */
import { expect } from "bun:test";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TierName } from "../../modules/shell/tier.ts";
import { type Attempt, attempts, ownAttempts } from "./attempts.ts";
import type { Ending, Job } from "./runner.ts";
import { type Account, ownPaths, type Stage } from "./stage.ts";
import { weakOf } from "./weaknesses.ts";

/** ENOSYS, EAFNOSUPPORT: this kernel is built without it; EPERM, EACCES, EIO: its settings close it for all users. */
const closedForAll = /^(38|97|1|13|5) /;

/** Of the calls that kernels may close, so many must be open, or the suite has looked at little. */
const openShareMin = 0.6;

type Confined = Pick<Job, "profile" | "paths">;

async function tried(stage: Stage, how: Confined, list: readonly Attempt[]) {
  const jobs = list.map(({ argv }) => ({ argv: argv.map(stage.fill), workspace: stage.workspace, ...how }));
  const endings = await stage.run(jobs);
  return list.map((attempt, at) => ({ attempt, ending: endings[at] as Ending }));
}

/** Everything on the stage that a command might have changed: path, mode, owner, time, and content. */
function pictureOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/data\/shell(\/|$)/.test(path))
    .map((path) => {
      const { mode, uid, gid, mtimeMs, size } = lstatSync(path);
      const content = (mode & 0o170_000) === 0o100_000 && size < 10_000 ? readFileSync(path, "base64") : "";
      // A folder's time tells of what was made and removed in it, which the workspace allows.
      const time = (mode & 0o170_000) === 0o040_000 ? "" : mtimeMs;
      return [path, mode.toString(8), uid, gid, time, content].join(" ");
    })
    .toSorted();
}

/** What the attempts make in the workspace by right. */
const allowed = /\/(work\/(fresh|mine|t|large|set-(user|group)-\d+)|out\/(fresh|set))( |$)/;

/** Those of every node, and one of the owner's. */
export const confinedProfiles = ["read-only", "workspace", "own"] as const;
type ConfinedProfile = (typeof confinedProfiles)[number];

/** No attempt gets through, nothing but the workspace changes, and no file in it would run as its owner. */
export async function proveConfined(
  stage: Stage,
  profile: ConfinedProfile,
  tier: TierName = "namespaces",
): Promise<void> {
  const before = pictureOf(stage.folder);
  const how: Confined =
    profile === "own" ? { profile: "workspace", paths: ownPathsIn(stage, tier) } : { profile };
  const weak = weakOf(tier);
  const list = profile === "own" ? [...ownAttemptsOf(tier), ...attempts] : attempts;
  const through = (await tried(stage, how, list)).filter(
    ({ ending: { code, signal } }) => code === 0 || (code === null && signal === null),
  );
  expect(through.filter(({ attempt }) => !weak.has(attempt.name))).toEqual([]);
  if (tier === "lock") return expectStill(before, pictureOf(stage.folder));
  const after = pictureOf(stage.folder);
  expect(after.filter((line) => !before.includes(line) && !allowed.test(line))).toEqual([]);
  expect(before.filter((line) => !after.includes(line) && !allowed.test(line))).toEqual([]);
  const set = after.filter((line) => (Number.parseInt(line.split(" ")[1] ?? "", 8) & 0o6000) !== 0);
  expect(set).toEqual([]);
}

/** Landlock hides nothing in what it gives, so such a profile is refused there (a test of its own). */
function ownPathsIn(stage: Stage, tier: TierName) {
  return tier === "lock" ? { ...ownPaths(stage), hide: [] } : ownPaths(stage);
}

function ownAttemptsOf(tier: TierName): readonly Attempt[] {
  return tier === "lock"
    ? ownAttempts.filter(({ argv }) => !argv.join(" ").includes("{W}/covered"))
    : ownAttempts;
}

/** The workspace is not protected from itself there; all else is as it was. */
function expectStill(before: readonly string[], after: readonly string[]): void {
  const outside = (lines: readonly string[]) => lines.filter((line) => !/\/(work|out)[/ ]/.test(line));
  expect(outside(after)).toEqual([...outside(before)]);
}

/** Without a sandbox they get through: so the suite looks at what it says, and can fail. */
export async function proveControl(stage: Stage, account: Account): Promise<void> {
  const expected = [...ownAttempts, ...attempts].filter(
    ({ control }) => control === "everybody" || (control === "root" && account === "root"),
  );
  const refused = (await tried(stage, { profile: "unconfined" }, expected)).filter(
    ({ ending }) => ending.code !== 0,
  );
  const open = ({ attempt, ending }: (typeof refused)[number]) =>
    !(attempt.optional && (ending.code === 20 || closedForAll.test(ending.stdout)));
  expect(refused.filter(open)).toEqual([]);
  const optional = expected.filter((one) => one.optional);
  expect(optional.length - refused.length).toBeGreaterThan(optional.length * openShareMin);
}
