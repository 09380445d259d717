/** The permission to have a shell run a script. */
import * as v from "valibot";
import type { Permission } from "../../src/kernel/authority.ts";
import { shells } from "./script-vector.ts";

export const scripts = "shell.script";

const ScriptScope = v.strictObject({
  shells: v.optional(v.pipe(v.array(v.picklist(shells)), v.description("Absent: every one of these."))),
  files: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        "Whether redirections (<, >, >>) may open files, where the command itself could. Absent: no, /dev/null alone.",
      ),
    ),
  ),
});

const ScriptRequest = v.strictObject({
  shell: v.picklist(shells),
  files: v.optional(v.array(v.string()), []),
  unknown: v.optional(v.array(v.string()), []),
});

export const scriptPermission: Permission = {
  summary:
    "Run scripts of commands that are each granted by shell.run or shell.unconfined; * also scripts that cannot be analysed",
  scope: ScriptScope,
  covers(scope, request) {
    const { shell, files, unknown } = v.parse(ScriptRequest, request);
    const { shells: allowed = shells, files: open = false } = scope as v.InferOutput<typeof ScriptScope>;
    return allowed.includes(shell) && (open || files.length === 0) && unknown.length === 0;
  },
};
