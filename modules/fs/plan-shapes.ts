/** How a change that is only tried is asked for, and what is answered. */
import * as v from "valibot";

/** Entries that are named; the rest is counted. */
export const namesMax = 100;

export const dryRun = v.optional(
  v.pipe(
    v.boolean(),
    v.description(
      "Only check, and tell what would change. It takes the right to read what the answer tells of.",
    ),
  ),
  false,
);

export const planEntries = {
  files: v.number(),
  directories: v.number(),
  others: v.pipe(v.number(), v.description("Links, pipes, devices.")),
  bytes: v.number(),
  diff: v.pipe(
    v.string(),
    v.description(
      `"- PATH" for what would go, "+ PATH" for what would come, up to ${namesMax} of each; then the difference of texts that would be replaced.`,
    ),
  ),
  written: v.literal(false),
};
export const Planned = v.strictObject({ path: v.string(), ...planEntries });
export type Planned = v.InferOutput<typeof Planned>;
