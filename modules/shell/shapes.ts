/** What goes into a command and what comes out of it, as every surface shows it. */
import * as v from "valibot";
import { byteText } from "../../src/kernel/byte-text.ts";
import { Change, DryRun } from "./dry-run-shapes.ts";
import { limitReasons } from "./limit-reason.ts";
import { limits } from "./limits.ts";
import { Domains, networks, Ports } from "./network.ts";
import { shells } from "./script-vector.ts";
import { tierNames } from "./tier.ts";
import { ProfileName, passable, unconfinedProfile, VariableName, Word } from "./words.ts";

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

const script = v.pipe(
  v.string(),
  v.nonEmpty(),
  v.maxLength(limits.scriptLengthMax),
  passable,
  v.description(
    "A script for a shell, instead of argv: the same as argv with SHELL, -c and this text. Whose grants do not cover that vector as it is needs shell.script, and grants for each command in it.",
  ),
);

const shell = v.pipe(v.picklist(shells), v.description("The shell that reads the script. Default: sh."));

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
      "Variables that get the value of a secret, as VARIABLE=NAME; each name needs access.secret.use. Where the command prints such a value, its output says [secret NAME] instead; what it makes of it, or writes to a file, is not looked at.",
    ),
  ),
  {},
);

export function whole(most: number, what: string) {
  return v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most), v.description(what)));
}

const profile = v.optional(
  v.pipe(
    v.union([v.literal(unconfinedProfile), ProfileName]),
    v.description(
      "What the command may do. workspace: read the system, write the workspace. read-only: read both. Either way it has an empty home and no other process, and git hooks and files of settings in the workspace stay as they are. unconfined: everything that the node's user may; it needs shell.unconfined. Any other is the owner's, from the configuration of the executing node; shell.profile-list shows it.",
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

const dryRun = v.optional(
  v.pipe(
    v.boolean(),
    v.description(
      "Of a confined command with a workspace to write: it sees and changes everything as usual, and the workspace stays as it is. Before the exit come the changes, as { change }, and { dryRun } with the id for dry-run-apply and dry-run-discard. What it does outside of the workspace is done.",
    ),
  ),
  false,
);

const network = v.optional(
  v.pipe(
    v.picklist(networks),
    v.description(
      "Of a confined command. none: a loopback of its own. full: the node's, with all services that it reaches. Default: that of the profile, which is none for workspace and read-only. A profile of the owner's gives no more than its own.",
    ),
  ),
);

const domains = v.optional(
  v.pipe(
    Domains,
    v.description(
      'Of a confined command, instead of network: names that it reaches through the node\'s proxy, which HTTP_PROXY and HTTPS_PROXY tell it, and nothing else. "api.example.org", or "*.github.com" for all names below that one; ports 80 and 443 unless ":PORT" follows. No name may lead to a private address.',
    ),
  ),
);

const ports = v.optional(
  v.pipe(
    Ports,
    v.description(
      "Of a confined command, instead of network: TCP ports of the executing machine's loopback, at the same ports of its own.",
    ),
  ),
);

export const killGraceMs = whole(
  limits.timerMsMax,
  "From the request to end (SIGTERM) to the end by force (SIGKILL). Default and most are configuration.",
);

/** What runs, and how: of every way to start a command. */
export const startEntries = {
  argv: v.optional(argv),
  script: v.optional(script),
  shell: v.optional(shell),
  profile,
  workspace,
  network,
  domains,
  ports,
  workingDirectory,
  environment,
  secrets,
};
const start = v.strictObject(startEntries);
export type StartInput = v.InferOutput<typeof start>;
type GivenCommand = Pick<StartInput, "argv" | "script" | "shell">;

type GivenNetwork = Pick<StartInput, "profile" | "network" | "domains" | "ports">;

/** For an input with `startEntries`. */
export const isOneNetwork = ({ profile, network, domains, ports }: GivenNetwork) =>
  (domains === undefined && ports === undefined) || (network === undefined && profile !== unconfinedProfile);
export const notOneNetwork =
  "domains and ports stand instead of network, and for a command that is confined; leave out one of them";

/** For an input with `startEntries`. */
export const isGivenOnce = ({ argv, script }: GivenCommand) =>
  (argv === undefined) !== (script === undefined);
export const notGivenOnce = "give the command as argv, or as a script, and not both";
export const hasScriptForShell = ({ shell, script }: GivenCommand) =>
  shell === undefined || script !== undefined;
export const noScriptForShell = "a shell is chosen for a script; with argv it is the first word";

const fields = v.strictObject({
  ...startEntries,
  dryRun,
  timeoutMs: whole(
    limits.timerMsMax,
    "The command is ended after this time. Default and most are configuration.",
  ),
  outputBytesMax: whole(
    Number.MAX_SAFE_INTEGER,
    "The command is ended when stdout and stderr together go beyond this. Default and most are configuration.",
  ),
  killGraceMs,
});

export const CommandInput = v.pipe(
  fields,
  v.check((input) => isGivenOnce(input), notGivenOnce),
  v.check((input) => hasScriptForShell(input), noScriptForShell),
  v.check((input) => isOneNetwork(input), notOneNetwork),
);
export type CommandInput = v.InferOutput<typeof CommandInput>;

/** What runs, whichever way it was given. */
export function argvOf({ argv, script, shell }: GivenCommand): readonly string[] {
  return argv ?? [shell ?? "sh", "-c", script ?? ""];
}

export const endReasons = ["exited", "timeout", "output_limit", ...limitReasons] as const;
export type EndReason = (typeof endReasons)[number];

export const stream = v.picklist(["stdout", "stderr"]);
export const exitEntries = {
  /** Null when a signal ended it. */
  code: v.nullable(v.number()),
  /** SIGKILL; null when it exited. */
  signal: v.nullable(v.string()),
  durationMs: v.number(),
  /** Connections that its list of domains did not give it, each with the reason; 32 at most. */
  refused: v.optional(v.array(v.string())),
};
/** What confined it. */
export const tier = v.picklist(["none", ...tierNames]);
/** `reason`: why it ended: by itself, because the node ended it, or by a limit of its sandbox where that can be known. */
const exit = v.strictObject({ ...exitEntries, tier, reason: v.picklist(endReasons) });

/** Text where the bytes are UTF-8 and so come back exactly; base64 for all others. */
export const CommandItem = v.union([
  v.strictObject({ stream, text: byteText }),
  v.strictObject({ stream, base64: byteText }),
  v.strictObject({ change: Change }),
  v.strictObject({ dryRun: DryRun }),
  v.strictObject({ exit }),
]);
export type CommandItem = v.InferOutput<typeof CommandItem>;
export type CommandExit = v.InferOutput<typeof exit>;

export const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const;

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
