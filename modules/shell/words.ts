/** The words that calls, scopes and configuration are made of. */
import * as v from "valibot";
import { parsePattern } from "./command-pattern.ts";
import { limits } from "./limits.ts";

/** Half of a surrogate pair has no bytes: it would reach the program as another character than the one judged. */
function isPassable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}
export const passable = v.check(
  isPassable,
  "it holds a NUL or half a character, which no program can receive",
);

export const Word = v.pipe(v.string(), v.maxLength(limits.wordLengthMax), passable);

/** The profile of commands that nothing confines. */
export const unconfinedProfile = "unconfined";

/** A confined one: of every node, or the owner's. */
export const ProfileName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z][a-z0-9-]{0,31}$/,
    "a profile's name has a to z, 0 to 9 and -, a letter first, and 32 at most",
  ),
  v.check(
    (name) => name !== unconfinedProfile,
    `"${unconfinedProfile}" confines nothing, and has a right of its own`,
  ),
);

/**
 * They choose the code that any program loads, or the node that `operone` talks to. Whoever may set them so can write
 * `env NAME=value` in front of the command, where patterns and people see it.
 */
export const refusedName = /^(BUN|NODE|LD|DYLD|OPERONE)_/i;

export const VariableName = v.pipe(
  v.string(),
  v.maxLength(limits.variableNameLengthMax),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable's name has letters, digits and _, and no digit first"),
  v.check(
    (name) => !refusedName.test(name),
    "names with BUN_, NODE_, LD_, DYLD_ and OPERONE_ are not set from outside; put env NAME=VALUE in front of the command instead",
  ),
);

export const Pattern = v.pipe(
  v.string(),
  v.maxLength(limits.patternLengthMax),
  v.rawCheck(({ dataset, addIssue }) => {
    const parsed = dataset.typed ? parsePattern(dataset.value) : [];
    if (typeof parsed === "string")
      addIssue({ message: `${JSON.stringify(dataset.value)} is no pattern: ${parsed}` });
  }),
);
