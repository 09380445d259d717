/** The refusal of a pattern that the engine does not take. */
import { OperoneError } from "../../../src/kernel/error.ts";

export function badPattern(pattern: string, why: string): OperoneError {
  const first = why.replace(/\s+/g, " ").trim().slice(0, 300);
  return new OperoneError(
    "invalid_input",
    `The pattern ${JSON.stringify(pattern.slice(0, 200))} cannot be used: ${first}. The syntax is that of ripgrep: no look-around and no backreferences; to look for it as a text, say fixed`,
  );
}
