/** Schemas that more than one operation of the node uses. */
import * as v from "valibot";

/** A short name, as it stands in `--node`: letters, digits, `-`. */
export const NodeName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "use 1 to 63 lower-case letters, digits and inner hyphens"),
);

export const LogLevelName = v.picklist(["debug", "info", "warn", "error"]);

const Verdict = v.picklist(["ok", "warning", "failure"]);

export const ModuleOut = v.strictObject({
  id: v.string(),
  summary: v.string(),
  state: v.picklist(["starting", "ready", "degraded", "failed", "stopped"]),
  /** The node cannot run without it. */
  required: v.boolean(),
  /** Why it is degraded or failed. */
  reason: v.optional(v.string()),
  requires: v.array(v.string()),
  provides: v.array(v.string()),
  operations: v.number(),
});

export const LogOut = v.strictObject({
  /** Unix time in milliseconds. */
  atMs: v.number(),
  level: LogLevelName,
  message: v.string(),
  fields: v.record(v.string(), v.unknown()),
});

export const CheckOut = v.strictObject({
  name: v.string(),
  verdict: Verdict,
  /** What was seen. */
  found: v.string(),
  /** What to do; absent when it is ok. */
  fix: v.optional(v.string()),
});
