/** What a dry run would change, as every surface shows it. */
import * as v from "valibot";
import { limits } from "./limits.ts";

const statuses = ["added", "changed", "removed", "renamed", "left_out"] as const;
export const kinds = ["file", "directory", "symlink", "other"] as const;
export type Kind = (typeof kinds)[number];

const mode = v.optional(v.pipe(v.string(), v.description("Permission bits, as chmod takes them: 644")));
const bytes = v.optional(v.number());
const hash = v.optional(v.pipe(v.string(), v.description("SHA-256, hex")));
const target = v.optional(v.pipe(v.string(), v.description("What a symbolic link says")));

/** One path of the workspace; what ends in "Before" is of the workspace as it is. */
export const Change = v.strictObject({
  status: v.pipe(v.picklist(statuses), v.description("left_out: it is not applied, and the note says why")),
  kind: v.picklist(kinds),
  path: v.pipe(v.string(), v.description("Below the workspace")),
  /** Of what was renamed. */
  from: v.optional(v.string()),
  mode,
  modeBefore: mode,
  sizeBytes: bytes,
  sizeBytesBefore: bytes,
  sha256: hash,
  sha256Before: hash,
  target,
  targetBefore: target,
  diff: v.optional(v.pipe(v.string(), v.description("Of text that is not too long: unified hunks"))),
  note: v.optional(v.string()),
});
export type Change = v.InferOutput<typeof Change>;

export const DryRun = v.strictObject({
  id: v.pipe(v.nullable(v.string()), v.description("Null when there is nothing to apply: it is not kept")),
  workspace: v.string(),
  argv: v.array(v.string()),
  madeAtMs: v.number(),
  expiresAtMs: v.number(),
  changes: v.pipe(v.number(), v.description("How many there are")),
  shown: v.pipe(v.number(), v.description("How many are shown; the others are applied too")),
  sizeBytes: v.pipe(v.number(), v.description("On the disk")),
  /** Absent: it can be applied as far as is known. */
  refusal: v.optional(v.pipe(v.string(), v.description("Why it cannot be applied"))),
});
export type DryRun = v.InferOutput<typeof DryRun>;

export const DryRunId = v.strictObject({
  id: v.pipe(
    v.string(),
    v.regex(/^[0-9a-f]{16}$/, "an id is 16 characters of 0-9 and a-f"),
    v.description("As the dry run or dry-run-list told it"),
  ),
});

export const DryRunView = v.strictObject({ dryRun: DryRun, changes: v.array(Change) });
export type DryRunView = v.InferOutput<typeof DryRunView>;

export const Applied = v.strictObject({
  applied: v.pipe(v.number(), v.description("Changes that were made")),
  already: v.pipe(v.number(), v.description("Changes that were there before, by an earlier try")),
  leftOut: v.pipe(
    v.array(v.strictObject({ path: v.string(), note: v.string() })),
    v.maxLength(limits.changesShownMax),
  ),
});
export type Applied = v.InferOutput<typeof Applied>;
