/** The permission to run commands: what a grant's scope says, and what a call asks for. */
import * as v from "valibot";
import type { Permission, ScopeRequest } from "../../src/kernel/authority.ts";
import {
  type CommandPattern,
  type CommandWord,
  covers,
  isRelativePath,
  mayCover,
  parsePattern,
} from "./command-pattern.ts";
import { limits } from "./limits.ts";
import { askedNetwork, isCovered, type Network, NetworkRule } from "./network.ts";
import { profiles } from "./sandbox-policy.ts";
import type { CommandInput } from "./shapes.ts";
import { Pattern, ProfileName, unconfinedProfile } from "./words.ts";

export const confined = "shell.run";
export const unconfined = "shell.unconfined";

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

const Folder = v.pipe(
  v.string(),
  v.maxLength(limits.pathLengthMax),
  v.regex(/^(\/|~$|~\/)/, 'write an absolute path, or one that begins with "~/"'),
  v.check((path) => !path.split("/").includes(".."), 'a path with ".." means nothing certain'),
);

export const ConfinedScope = v.strictObject({
  ...CommandScope.entries,
  workspaces: v.optional(
    v.pipe(
      v.array(Folder),
      v.maxLength(limits.patternsMax),
      v.description(
        "Folders in which, or below which, the workspace must lie, written as the call writes it. Absent: none, so that commands run without a workspace. This, the profiles and the network narrow an allow or an ask; a deny of commands holds wherever they run.",
      ),
    ),
  ),
  profiles: v.optional(
    v.pipe(
      v.array(ProfileName),
      v.maxLength(limits.patternsMax),
      v.description(
        "Absent: workspace and read-only. A profile of the owner's must be named, and gives its own paths, variables and network.",
      ),
    ),
  ),
  network: v.optional(
    v.pipe(
      NetworkRule,
      v.description("The most that a call may name: none, full, or { domains, ports }. Absent: none."),
    ),
  ),
});
type ConfinedScope = v.InferOutput<typeof ConfinedScope>;

const usualProfiles: readonly string[] = profiles;

const Request = v.strictObject({
  argv: v.pipe(
    v.array(v.union([v.string(), v.strictObject({ open: v.picklist(["one", "many"]), text: v.string() })])),
    v.minLength(1),
  ),
  /** Whether to match what the open words may turn out to be, as a deny must, instead of what they are for certain. */
  possible: v.optional(v.boolean()),
  environment: v.optional(v.array(v.string())),
});

const ConfinedRequest = v.strictObject({
  ...Request.entries,
  workspace: v.optional(v.string()),
  profile: v.optional(ProfileName),
  network: v.optional(NetworkRule),
});

export const confinedPermission: Permission = {
  summary:
    "Run these commands confined: they read the system, and read or write the folders that are named here",
  scope: ConfinedScope,
  covers(scope, request) {
    const { workspace, profile, network, ...command } = v.parse(ConfinedRequest, request);
    const {
      workspaces = [],
      profiles: allowed = usualProfiles,
      network: most = "none",
    } = scope as ConfinedScope;
    if (profile !== undefined && !allowed.includes(profile)) return false;
    if (network !== undefined && !isCovered(network, most)) return false;
    if (workspace !== undefined && !workspaces.some((folder) => holds(folder, workspace))) return false;
    return coversCommand(scope as CommandScope, command);
  },
};

/** As they are written. What is judged so is later taken only where it has no link and no ".." in it. */
function holds(folder: string, path: string): boolean {
  const trimmed = folder.replace(/\/+$/, "");
  return path === folder || path === trimmed || path.startsWith(`${trimmed}/`);
}

export const unconfinedPermission: Permission = {
  summary: "Run these commands with all rights of the user that the node runs as",
  warning:
    "it equals being the owner of this node: a command can read and change whatever the node's user can, the node's own keys and tokens too. Patterns say which commands may start, and not what these do then",
  scope: CommandScope,
  covers(scope, request) {
    return coversCommand(scope as CommandScope, v.parse(Request, request));
  },
};

function coversCommand(
  scope: CommandScope,
  { argv, environment = [], possible = false }: v.InferOutput<typeof Request>,
): boolean {
  const { environment: allowed = [] } = scope;
  const match = possible ? mayCover : covers;
  if (!patternsOf(scope).some((pattern) => match(pattern, argv))) return false;
  return allowed.includes("*") || environment.every((name) => allowed.includes(name));
}

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
  readonly profile: CommandInput["profile"];
  readonly workspace?: string | undefined;
  readonly network?: CommandInput["network"];
  readonly domains?: CommandInput["domains"];
  readonly ports?: CommandInput["ports"];
}

/**
 * The rights that a command needs. The argument vector stands alone first, so that a deny of it holds whatever else
 * is asked; then together with the variables and the sandbox, so that one grant must allow all of it.
 */
export function requestsOf(asked: Asked): readonly ScopeRequest[] {
  const alone = commandRequest(asked, asked.argv);
  const names = namesOf(asked);
  return [
    alone,
    ...(alone.permission === unconfined && names.length === 0
      ? []
      : [placedRequest(asked, asked.argv, names)]),
    ...secretRequests(asked),
  ];
}

/** Variables that the call sets. */
export function namesOf({ environment, secrets }: Asked): readonly string[] {
  return [...Object.keys(environment), ...Object.keys(secrets)].toSorted();
}

export function secretRequests({ secrets }: Asked): readonly ScopeRequest[] {
  const used = [...new Set(Object.values(secrets))].toSorted();
  return used.map((name) => ({ permission: "access.secret.use", request: { name } }));
}

/** The command alone. */
export function commandRequest(asked: Asked, argv: readonly CommandWord[]) {
  const { profile } = asked;
  const permission = profile === unconfinedProfile ? unconfined : confined;
  return { permission, request: { argv: judgedCommand({ ...asked, argv }) } };
}

/** The command together with its sandbox and the variables that it gets. */
export function placedRequest(
  asked: Asked,
  words: readonly CommandWord[],
  names: readonly string[],
): ScopeRequest {
  const { permission, request } = commandRequest(asked, words);
  const environment = names.length === 0 ? {} : { environment: names };
  return { permission, request: { ...request, ...sandboxOf(asked), ...environment } };
}

function sandboxOf({ profile, workspace, workingDirectory, ...asked }: Asked): {
  readonly profile?: string;
  readonly network?: Network;
  readonly workspace?: string;
} {
  if (profile === unconfinedProfile) return {};
  const network = askedNetwork(asked);
  const place = workspace ?? (workingDirectory === "~" ? undefined : workingDirectory);
  return {
    profile,
    ...(network === undefined ? {} : { network }),
    ...(place === undefined ? {} : { workspace: place }),
  };
}

/** The argument vector as patterns see it. */
export function judgedCommand(
  asked: Pick<Asked, "workingDirectory" | "profile" | "workspace"> & {
    readonly argv: readonly CommandWord[];
  },
): readonly CommandWord[] {
  const { workingDirectory } = asked;
  const workspace = asked.profile === unconfinedProfile ? undefined : asked.workspace;
  return judgedArgv(asked.argv, workingDirectory === "~" ? (workspace ?? "~") : workingDirectory);
}

/**
 * `./build` is another program in every folder, so it is judged by its place. The path is joined and not resolved:
 * what has `..` or links in it is covered only by a pattern with the same words.
 */
function judgedArgv(
  [program = "", ...words]: readonly CommandWord[],
  workingDirectory: string,
): readonly CommandWord[] {
  if (typeof program === "object" || !isRelativePath(program)) return [program, ...words];
  const folder = workingDirectory.endsWith("/") ? workingDirectory : `${workingDirectory}/`;
  return [folder + program.replace(/^(\.\/+)+/, ""), ...words];
}
