/** Checks of how this program was started, with and without a running node. */
import type { Check, Finding } from "../kernel/ports.ts";
import { injectingVariables } from "../platform/self.ts";

export const environmentCheck: Check = { name: "environment", run: environmentFinding };

export function environmentFinding(): Finding {
  const set = injectingVariables();
  if (set.length === 0) return { verdict: "ok", found: "nothing in it injects code" };
  const found = `${set.join(", ")}: Bun runs foreign code by these, in this program too; a node starts without them`;
  return { verdict: "warning", found, fix: `unset ${set.join(" ")}` };
}
