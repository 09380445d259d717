/** Applies a dry run: as a whole where nothing is in the way, and with a clear word about how far it came otherwise. */
import { OperoneError } from "../../src/kernel/error.ts";
import { codeOf, OpenFolder } from "../../src/platform/open-folder.ts";
import type { KeptDryRun } from "./dry-run.ts";
import { type ApplySides, checkSteps, finishFolders, makeStep, StepRefused } from "./dry-run-apply.ts";
import type { Applied } from "./dry-run-shapes.ts";
import { limits } from "./limits.ts";
import type { Step } from "./overlay-diff.ts";

/** Paths that a message names; the details have more. */
const namedMax = 5;

/**
 * @throws OperoneError `conflict` with the paths in `details.paths`; `forbidden` and `limited` when the file system
 *   refuses. Where some changes were made before, the message says how many, and another try goes on from there.
 */
export async function applyDryRun(
  run: KeptDryRun,
  unique: () => string,
  signal: AbortSignal,
): Promise<Applied> {
  await using workspace = await OpenFolder.at(run.workspace).catch(() => undefined);
  const facts = await workspace?.ownFacts();
  if (workspace === undefined || facts?.ino !== run.inode || facts.dev !== run.device)
    throw new OperoneError(
      "conflict",
      `${JSON.stringify(run.workspace)} is not the folder any more that it was; ${next}`,
    );
  await using upper = await OpenFolder.at(`${run.folder}/upper`);
  const sides: ApplySides = { upper, workspace, owner: run.owner, startedNs: run.startedNs, unique };
  const { conflicts, left } = await checkSteps(run.steps, sides);
  if (conflicts.length > 0) throw conflict(conflicts);
  const already = run.steps.filter(({ act }) => act !== "omit").length - left.length;
  await makeAll(left, sides, signal);
  await finishFolders(run.steps, sides);
  return { applied: left.length, already, leftOut: leftOutOf(run) };
}

const next = "run the command again";

function conflict(paths: readonly string[]): OperoneError {
  const named = paths.slice(0, namedMax).map((path) => JSON.stringify(path));
  const more = paths.length > namedMax ? ` and ${paths.length - namedMax} more` : "";
  return new OperoneError(
    "conflict",
    `Nothing was applied: ${named.join(", ")}${more} changed since the dry run; ${next}`,
    { paths: paths.slice(0, limits.changesShownMax) },
  );
}

async function makeAll(steps: readonly Step[], sides: ApplySides, signal: AbortSignal): Promise<void> {
  for (const [made, step] of steps.entries()) {
    try {
      signal.throwIfAborted();
      await makeStep(step, sides);
    } catch (error) {
      throw brokenOff(error, step, `${made} of ${steps.length} changes were made`);
    }
  }
}

/** What the file system says, as one of our codes. */
const systemCodes = {
  EACCES: "forbidden",
  EPERM: "forbidden",
  EROFS: "forbidden",
  ENOSPC: "limited",
  EDQUOT: "limited",
} as const;

function brokenOff(error: unknown, { names }: Step, howFar: string): unknown {
  const path = JSON.stringify(names.join("/"));
  const details = { paths: [names.join("/")] };
  const goOn = "mend it and apply again, which goes on from there, or discard it";
  if (error instanceof StepRefused)
    return new OperoneError(
      "conflict",
      `${howFar}, and then ${path} was refused: ${error.message}; ${goOn}`,
      details,
    );
  const code = codeOf(error);
  const known = Object.entries(systemCodes).find(([name]) => name === code);
  if (known === undefined) return error;
  return new OperoneError(known[1], `${howFar}, and then ${path} could not be (${code}); ${goOn}`, details);
}

function leftOutOf({ steps }: KeptDryRun): Applied["leftOut"] {
  return steps
    .filter(({ act }) => act === "omit")
    .slice(0, limits.changesShownMax)
    .map(({ names, note }) => ({ path: names.join("/"), note: note ?? "" }));
}
