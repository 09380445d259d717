/** Which operation the words of a command line mean. */
import { OperoneError } from "../kernel/error.ts";
import { nearest } from "../kernel/nearest.ts";
import type { Operation } from "../kernel/operation.ts";
import type { OperationTable } from "../kernel/view.ts";
import { callOptions, isOption } from "./arguments.ts";

/** A module as help and completion name it. */
export interface ModuleSummary {
  readonly id: string;
  readonly summary: string;
}

/** A command that is no operation: `up`, `config check`. */
export interface CommandSummary {
  /** As it is typed. */
  readonly words: string;
  readonly summary: string;
  /** Names of its options, without dashes. */
  readonly options?: readonly string[];
}

export interface CommandLine {
  readonly table: OperationTable;
  readonly modules: readonly ModuleSummary[];
  /** The program's own commands, for help and for suggestions. */
  readonly commands: readonly CommandSummary[];
}

export type Found =
  /** `command` is what was typed for it: `operone status`; `rest` are the words for the operation itself. */
  | {
      readonly kind: "operation";
      readonly operation: Operation;
      readonly command: string;
      readonly rest: readonly string[];
    }
  | { readonly kind: "module"; readonly module: string; readonly help: boolean }
  | { readonly kind: "all" };

/** What the command line shows, sorted by id. */
export function cliOperations(table: OperationTable): readonly Operation[] {
  return [...table.values()].filter((operation) => operation.surfaces.includes("cli"));
}

/** Every way to type each operation, without "operone": its own name first. */
export function spellingsOf(operation: Operation): readonly string[] {
  return [`${operation.module} ${operation.name}`, ...(operation.cli.alias ?? [])];
}

/** @throws OperoneError `not_found` for an unknown command, `invalid_input` for an unknown option before it */
export function findCommand({ table, modules, commands }: CommandLine, argv: readonly string[]): Found {
  const { leading, words, help } = split(argv);
  if (words.length === 0) return { kind: "all" };
  const operations = cliOperations(table);
  const spelled = longestSpelling(operations, words);
  if (spelled !== undefined) {
    const rest = [...leading, ...(help ? ["--help"] : []), ...words.slice(spelled.length)];
    return { kind: "operation", operation: spelled.operation, command: `operone ${spelled.spelling}`, rest };
  }
  const [first = "", second] = words;
  const own = operations.filter((operation) => operation.module === first);
  const meant = operations.find(
    ({ module, cli }) => cli.knownAs?.includes((module === first ? second : first) ?? "") === true,
  );
  if (meant !== undefined && (own.length === 0 || meant.module === first))
    throw unknown(words.slice(0, own.length === 0 ? 1 : 2).join(" "), `${meant.module} ${meant.name}`, "");
  if (own.length === 0) {
    const spellings = operations.flatMap((operation) => operation.cli.alias ?? []);
    const names = [...modules.map(({ id }) => id), ...commands.map((command) => command.words), ...spellings];
    throw unknown(
      first,
      nearest(first, names) ?? nearest(words.slice(0, 2).join(" "), names),
      "operone --help",
    );
  }
  const asksHelp = help || leading.some(isHelp) || second === undefined || isHelp(second);
  if (asksHelp && (second === undefined || isOption(second))) {
    return {
      kind: "module",
      module: first,
      help: help || leading.some(isHelp) || (second !== undefined && isHelp(second)),
    };
  }
  const near = nearest(
    second ?? "",
    own.map(({ name }) => name),
  );
  throw unknown(`${first} ${second}`, near && `${first} ${near}`, `operone ${first} --help`);
}

function isHelp(word: string): boolean {
  return word === "-h" || word === "--help";
}

/** Options may stand before the command, and "help" may stand for "--help". */
function split(argv: readonly string[]): {
  readonly leading: readonly string[];
  readonly words: readonly string[];
  readonly help: boolean;
} {
  let at = 0;
  while (at < argv.length && isOption(argv[at] ?? "")) at += wordsOfOption(argv[at] ?? "");
  const words = argv.slice(at);
  const help = words[0] === "help";
  return { leading: argv.slice(0, at), words: help ? words.slice(1) : words, help };
}

function wordsOfOption(word: string): number {
  if (word === "-h") return 1;
  const name = word.replace(/^-+/, "").split("=", 1)[0] ?? "";
  const option = Object.entries(callOptions).find(([known]) => known === name)?.[1];
  if (option === undefined || !word.startsWith("--")) {
    const near = nearest(name, Object.keys(callOptions));
    const next = near === undefined ? '"operone --help" lists what there is' : `did you mean --${near}?`;
    throw new OperoneError("invalid_input", `${word} is no option of "operone"; ${next}`);
  }
  return "value" in option && !word.includes("=") ? 2 : 1;
}

function longestSpelling(
  operations: readonly Operation[],
  words: readonly string[],
): { readonly operation: Operation; readonly spelling: string; readonly length: number } | undefined {
  const all = operations.flatMap((operation) =>
    spellingsOf(operation).map((spelling) => ({ operation, spelling, length: spelling.split(" ").length })),
  );
  return all
    .filter(({ spelling, length }) => words.slice(0, length).join(" ") === spelling)
    .toSorted((a, b) => b.length - a.length)[0];
}

function unknown(typed: string, near: string | undefined, help: string): OperoneError {
  const next = near === undefined ? `"${help}" lists what there is` : `did you mean "operone ${near}"?`;
  return new OperoneError("not_found", `There is no command ${JSON.stringify(typed)}; ${next}`);
}
