/** The permission to run commands: what a grant's scope says, and what a call asks for. */
import * as v from "valibot";
import type { Permission, ScopeRequest } from "../../src/kernel/authority.ts";
import { type CommandPattern, covers, isRelativePath, parsePattern } from "./command-pattern.ts";
import { limits } from "./limits.ts";

export const unconfined = "shell.unconfined";

const Pattern = v.pipe(
  v.string(),
  v.maxLength(limits.patternLengthMax),
  v.rawCheck(({ dataset, addIssue }) => {
    const parsed = dataset.typed ? parsePattern(dataset.value) : [];
    if (typeof parsed === "string")
      addIssue({ message: `${JSON.stringify(dataset.value)} is no pattern: ${parsed}` });
  }),
);

export const CommandScope = v.strictObject({
  commands: v.pipe(
    v.array(Pattern),
    v.maxLength(limits.patternsMax),
    v.description(
      'Patterns over the argument vector, word by word: "git status" is exactly that, * is any one word, ** at the end is any further words, quotes as in a shell. A program that is named by a relative path is judged by its whole path. A deny holds for this spelling alone, and most programs can be started in other ways: allow what is needed instead.',
    ),
  ),
  environment: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(limits.variableNameLengthMax))),
      v.maxLength(limits.variablesMax),
      v.description(
        "Names of the environment variables that the caller may set for these commands; * is every name. Absent: none, because a variable such as PATH changes which program runs. It narrows an allow or an ask; a deny holds whatever is set.",
      ),
    ),
  ),
});
type CommandScope = v.InferOutput<typeof CommandScope>;

const Request = v.strictObject({
  argv: v.pipe(v.array(v.string()), v.minLength(1)),
  environment: v.optional(v.array(v.string())),
});

export const unconfinedPermission: Permission = {
  summary: "Run these commands with all rights of the user that the node runs as",
  warning:
    "it equals being the owner of this node: a command can read and change whatever the node's user can, the node's own keys and tokens too. Patterns say which commands may start, and not what these do then",
  scope: CommandScope,
  covers(scope, request) {
    const { argv, environment = [] } = v.parse(Request, request);
    const { environment: allowed = [] } = scope as CommandScope;
    if (!patternsOf(scope as CommandScope).some((pattern) => covers(pattern, argv))) return false;
    return allowed.includes("*") || environment.every((name) => allowed.includes(name));
  },
};

const parsed = new WeakMap<CommandScope, readonly CommandPattern[]>();

/** A scope is judged at every call and parsed once. */
function patternsOf(scope: CommandScope): readonly CommandPattern[] {
  let patterns = parsed.get(scope);
  if (patterns === undefined) {
    patterns = scope.commands.map(parsePattern).map((pattern) => {
      if (typeof pattern === "string") throw new Error(`A pattern that was granted is none: ${pattern}`);
      return pattern;
    });
    parsed.set(scope, patterns);
  }
  return patterns;
}

export interface Asked {
  readonly argv: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Variable name to secret name. */
  readonly secrets: Readonly<Record<string, string>>;
}

/**
 * The rights that a command needs. The argument vector stands alone first, so that a deny of it holds whatever
 * variables are set; then together with the variables, so that one grant must allow both.
 */
export function requestsOf({ argv, workingDirectory, environment, secrets }: Asked): readonly ScopeRequest[] {
  const judged = judgedArgv(argv, workingDirectory);
  const names = [...Object.keys(environment), ...Object.keys(secrets)].toSorted();
  const used = [...new Set(Object.values(secrets))].toSorted();
  return [
    { permission: unconfined, request: { argv: judged } },
    ...(names.length === 0
      ? []
      : [{ permission: unconfined, request: { argv: judged, environment: names } }]),
    ...used.map((name) => ({ permission: "access.secret.use", request: { name } })),
  ];
}

/**
 * `./build` is another program in every folder, so it is judged by its place. The path is joined and not resolved:
 * what has `..` or links in it is covered only by a pattern with the same words.
 */
function judgedArgv(
  [program = "", ...words]: readonly string[],
  workingDirectory: string,
): readonly string[] {
  if (!isRelativePath(program)) return [program, ...words];
  const folder = workingDirectory.endsWith("/") ? workingDirectory : `${workingDirectory}/`;
  return [folder + program.replace(/^(\.\/+)+/, ""), ...words];
}
