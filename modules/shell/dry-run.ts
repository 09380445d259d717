/** One dry run after its command has ended: what it would change, and whose it is. */
import type { Caller, ScopeRequest } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { codeOf, OpenFolder } from "../../src/platform/open-folder.ts";
import type { ApplySides } from "./dry-run-apply.ts";
import { changesOf } from "./dry-run-changes.ts";
import type { Change, DryRunView } from "./dry-run-shapes.ts";
import { type Step, stepsOf } from "./overlay-diff.ts";
import { guardOf } from "./workspace-guard.ts";

/** What is known before the command runs. */
export interface DryRunOrigin {
  readonly id: string;
  /** The node's own, with upper/ and work/ in it. */
  readonly folder: string;
  readonly workspace: string;
  readonly caller: Caller;
  readonly argv: readonly string[];
  /** The rights that the command needed, which are those that its changes need. */
  readonly requests: readonly ScopeRequest[];
  /** Of the workspace, so that another one at its path is told apart. */
  readonly device: bigint;
  readonly inode: bigint;
  /** The file system's own time. */
  readonly startedNs: bigint;
  readonly owner: ApplySides["owner"];
}

export interface KeptDryRun extends DryRunOrigin {
  readonly steps: readonly Step[];
  readonly changes: readonly Change[];
  readonly count: number;
  readonly refusal: string | undefined;
  readonly sizeBytes: number;
  readonly madeAtMs: number;
  readonly expiresAtMs: number;
}

export async function readDryRun(
  origin: DryRunOrigin,
  times: Pick<KeptDryRun, "madeAtMs" | "expiresAtMs">,
): Promise<Omit<KeptDryRun, "sizeBytes">> {
  await using upper = await OpenFolder.at(`${origin.folder}/upper`);
  await using base = await OpenFolder.at(origin.workspace);
  const { steps, cut, changes, count } = await steadily(origin, async () => {
    const found = await stepsOf({ upper, base, opaque: false }, await guardOf(base));
    return { ...found, ...(await changesOf(found.steps, { upper, base })) };
  });
  const refusal = cut === undefined ? undefined : `${cut}, and no more is looked at`;
  return { ...origin, ...times, steps, changes, count, refusal };
}

/** The workspace is others' too: what was there a moment ago may be gone, or be something else. */
async function steadily<T>({ workspace }: DryRunOrigin, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (!["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error) ?? "")) throw error;
    throw new OperoneError(
      "conflict",
      `The workspace ${JSON.stringify(workspace)} changed while the changes of the dry run were looked at; run it again`,
    );
  }
}

export function viewOf(run: KeptDryRun): DryRunView {
  const { id, workspace, argv, madeAtMs, expiresAtMs, changes, count, sizeBytes, refusal } = run;
  const dryRun = {
    id: isWorthKeeping(run) ? id : null,
    workspace,
    argv: [...argv],
    madeAtMs,
    expiresAtMs,
    changes: count,
    shown: changes.length,
    sizeBytes,
    ...(refusal === undefined ? {} : { refusal }),
  };
  return { dryRun, changes: [...changes] };
}

/** There is something to apply. */
export function isWorthKeeping({ steps, refusal }: KeptDryRun): boolean {
  return refusal === undefined && steps.some(({ act }) => act !== "omit");
}

export function mayUse({ caller }: DryRunOrigin, asking: Caller): boolean {
  return asking.kind === "owner" || (asking.kind === caller.kind && asking.id === caller.id);
}
