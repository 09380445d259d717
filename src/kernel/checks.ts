/** The list of checks that modules add to as they start. */
import { OperoneError } from "./error.ts";
import type { Check, Checks } from "./ports.ts";

const checksMax = 256;

export function checkList(): Checks {
  const checks = new Map<string, Check>();
  return {
    add(check) {
      if (checks.size >= checksMax)
        throw new OperoneError("limited", `There are ${checksMax} checks already`);
      if (checks.has(check.name))
        throw new OperoneError("conflict", `There are two checks named "${check.name}"`);
      checks.set(check.name, check);
    },
    all: () => [...checks.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}
