/** What goes into a command and what comes out of it, as every surface shows it. */
import * as v from "valibot";
import { byteText } from "../../src/kernel/byte-text.ts";
import { limits } from "./limits.ts";
import { networks, profiles } from "./sandbox-policy.ts";

/** Half of a surrogate pair has no bytes: it would reach the program as another character than the one judged. */
function isPassable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}
const passable = v.check(isPassable, "it holds a NUL or half a character, which no program can receive");

const Word = v.pipe(v.string(), v.maxLength(limits.wordLengthMax), passable);

/** The profile of commands that nothing confines. */
export const unconfinedProfile = "unconfined";

const argv = v.pipe(
  v.array(Word),
  v.minLength(1),
  v.maxLength(limits.wordsMax),
  v.check((words) => words[0] !== "", "the first word, the program, is empty"),
  v.check(
    (words) => bytesOf(words) <= limits.bytesMax,
    `the words are over ${limits.bytesMax} bytes; give data by stdin`,
  ),
  v.description("The program and its arguments, each a word of its own. No shell reads them."),
);

const workingDirectory = v.optional(
  v.pipe(
    v.string(),
    v.maxLength(limits.pathLengthMax),
    passable,
    v.check(
      (path) => /^(~$|~\/|\/|[A-Za-z]:[\\/])/.test(path),
      'write an absolute path, or one that begins with "~/"',
    ),
    v.description(
      "An absolute path of the executing node; it must exist. ~ alone is an empty home for this one command; unconfined, and in front of a path, it is the home directory of the node's user, or the node's data directory where there is no home.",
    ),
  ),
  "~",
);

/**
 * They choose the code that any program loads, or the node that `operone` talks to. Whoever may set them so can write
 * `env NAME=value` in front of the command, where patterns and people see it.
 */
const refusedName = /^(BUN|NODE|LD|DYLD|OPERONE)_/i;

const VariableName = v.pipe(
  v.string(),
  v.maxLength(limits.variableNameLengthMax),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable's name has letters, digits and _, and no digit first"),
  v.check(
    (name) => !refusedName.test(name),
    "names with BUN_, NODE_, LD_, DYLD_ and OPERONE_ are not set from outside; put env NAME=VALUE in front of the command instead",
  ),
);

const environment = v.optional(
  v.pipe(
    v.record(VariableName, Word),
    v.maxEntries(limits.variablesMax),
    v.check(
      (variables) => bytesOf(Object.values(variables)) <= limits.bytesMax,
      `the values are over ${limits.bytesMax} bytes; give data by stdin`,
    ),
    v.description(
      "Variables on top of a clean environment (PATH, HOME, USER, LANG, TZ, TMPDIR). Nothing else of the node's own is passed on. Names with BUN_, NODE_, LD_, DYLD_ or OPERONE_ are refused.",
    ),
  ),
  {},
);

const secrets = v.optional(
  v.pipe(
    v.record(VariableName, v.pipe(v.string(), v.nonEmpty(), v.maxLength(128))),
    v.maxEntries(limits.variablesMax),
    // Whoever looks for a program in vain is told where.
    v.check(
      (names) => !Object.keys(names).some((name) => /^path$/i.test(name)),
      "PATH holds no secret: messages show it",
    ),
    v.description(
      "Variables that get the value of a secret, as VARIABLE=NAME; each name needs access.secret.use. The command can print them.",
    ),
  ),
  {},
);

function whole(most: number, what: string) {
  return v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most), v.description(what)));
}

const profile = v.optional(
  v.pipe(
    v.picklist([...profiles, unconfinedProfile]),
    v.description(
      "What the command may do. workspace: read the system, write the workspace. read-only: read both. Either way it has an empty home and no other process, and git hooks and files of settings in the workspace stay as they are. unconfined: everything that the node's user may; it needs shell.unconfined.",
    ),
  ),
  "workspace",
);

const workspace = v.optional(
  v.pipe(
    v.string(),
    v.maxLength(limits.pathLengthMax),
    passable,
    v.check((path) => /^(~\/|\/)/.test(path), 'write an absolute path, or one that begins with "~/"'),
    v.description(
      "The folder of the executing node that a confined command works in, by its real path. Default: the working directory, and none where that is ~. No folder of the system, no home itself and no hidden folder.",
    ),
  ),
);

const network = v.optional(
  v.pipe(
    v.picklist(networks),
    v.description(
      "Of a confined command. none: a loopback of its own. full: the node's, with all services that it reaches.",
    ),
  ),
  "none",
);

export const CommandInput = v.strictObject({
  argv,
  profile,
  workspace,
  network,
  workingDirectory,
  environment,
  secrets,
  timeoutMs: whole(
    limits.timerMsMax,
    "The command is ended after this time. Default and most are configuration.",
  ),
  outputBytesMax: whole(
    Number.MAX_SAFE_INTEGER,
    "The command is ended when stdout and stderr together go beyond this. Default and most are configuration.",
  ),
  killGraceMs: whole(
    limits.timerMsMax,
    "From the request to end (SIGTERM) to the end by force (SIGKILL). Default and most are configuration.",
  ),
});
export type CommandInput = v.InferOutput<typeof CommandInput>;

export const endReasons = ["exited", "timeout", "output_limit"] as const;
export type EndReason = (typeof endReasons)[number];

const stream = v.picklist(["stdout", "stderr"]);
const exit = v.strictObject({
  /** Null when a signal ended it. */
  code: v.nullable(v.number()),
  /** SIGKILL; null when it exited. */
  signal: v.nullable(v.string()),
  /** Why it ended: by itself, or because the node ended it. */
  reason: v.picklist(endReasons),
  durationMs: v.number(),
});

/** Text where the bytes are UTF-8 and so come back exactly; base64 for all others. */
export const CommandItem = v.union([
  v.strictObject({ stream, text: byteText }),
  v.strictObject({ stream, base64: byteText }),
  v.strictObject({ exit }),
]);
export type CommandItem = v.InferOutput<typeof CommandItem>;
export type CommandExit = v.InferOutput<typeof exit>;

const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const;

export const CommandMessage = v.union([
  v.strictObject({ stdin: v.string() }),
  v.strictObject({ stdinBase64: v.pipe(v.string(), v.base64()) }),
  v.strictObject({ close: v.literal(true) }),
  v.strictObject({ signal: v.picklist(signals) }),
]);
export type CommandMessage = v.InferOutput<typeof CommandMessage>;

const encoder = new TextEncoder();

function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + encoder.encode(text).length + 1, 0);
}
