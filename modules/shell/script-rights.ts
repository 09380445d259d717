/** The rights that a call needs, where a shell is among what it starts. */
import type { Rights, ScopeRequest } from "../../src/kernel/authority.ts";
import type { CommandWord } from "./command-pattern.ts";
import { patternOf } from "./command-pattern.ts";
import { type Asked, commandRequest, namesOf, placedRequest, requestsOf, secretRequests } from "./scope.ts";
import type { ScriptReading } from "./script.ts";
import { scripts } from "./script-scope.ts";
import { scriptVector, startedBy } from "./script-vector.ts";
import { argvOf, type StartInput } from "./shapes.ts";
import { refusedName } from "./words.ts";

/**
 * The vector as it is, as for every command; or, where that is not granted and not denied either, `shell.script` and
 * each command of the script. Whatever grants it, a deny of a command in it holds, also where open words may turn out
 * to be one.
 */
export async function rightsOf(input: StartInput, rights: Rights): Promise<readonly ScopeRequest[]> {
  const asked = { ...input, argv: argvOf(input) };
  const whole = requestsOf(asked);
  const reading = await readingOf(asked);
  if (reading === undefined) return whole;
  const { commands, builtins, starters } = reading;
  const denied = [...commands, ...builtins, ...starters]
    .map((argv) => possibleRequest(asked, argv))
    .find((request) => rights.forbids(request));
  if (denied !== undefined) return [denied];
  if (whole.every((request) => rights.decide(request) !== "deny")) return whole;
  const inner = scriptRequests(asked, reading);
  // Without the permission for scripts the answer is the one that was always given.
  return inner[0] === undefined || rights.decide(inner[0]) === "deny" ? whole : inner;
}

/** The script with what it was found to start. */
export async function previewOf(input: StartInput): Promise<unknown> {
  const reading = await readingOf({ ...input, argv: argvOf(input) });
  if (reading?.shell === undefined) return input;
  const { commands, builtins, files, names, unknown } = reading;
  return {
    ...input,
    reading: {
      commands: commands.map(textOf),
      builtins: builtins.map(textOf),
      files,
      variables: names,
      unknown,
    },
  };
}

function textOf(argv: readonly CommandWord[]): string {
  return argv.map((word) => (typeof word === "string" ? patternOf([word]) : word.text)).join(" ");
}

/** The parser is loaded when the first such command comes. */
async function readingOf(asked: Asked): Promise<ScriptReading | undefined> {
  if (scriptVector(asked.argv) === undefined && startedBy(asked.argv) === undefined) return undefined;
  const { readVector } = await import("./script.ts");
  return readVector(asked.argv, namesOf(asked));
}

function possibleRequest(asked: Asked, argv: readonly CommandWord[]): ScopeRequest {
  const { permission, request } = commandRequest(asked, argv);
  return { permission, request: { ...request, possible: true } };
}

/** None where no script is read, or it starts nothing: then there is nothing to judge the sandbox by. */
function scriptRequests(asked: Asked, reading: ScriptReading): readonly ScopeRequest[] {
  const { shell, commands, builtins, files, names } = reading;
  const judged = commands.length > 0 ? commands : builtins;
  if (shell === undefined || judged.length === 0) return [];
  const refused = names.filter((name) => refusedName.test(name));
  const unknown = [...reading.unknown, ...refused.map((name) => `it sets ${name}, which chooses what runs`)];
  const all = [...new Set([...namesOf(asked), ...names])].toSorted();
  const request = {
    shell,
    ...(files.length === 0 ? {} : { files }),
    ...(unknown.length === 0 ? {} : { unknown }),
  };
  return [
    { permission: scripts, request: { shell } },
    ...(Object.keys(request).length === 1 ? [] : [{ permission: scripts, request }]),
    ...judged.map((argv) => placedRequest(asked, argv, all)),
    ...secretRequests(asked),
  ];
}
