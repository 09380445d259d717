/** Reads the words of a command line for the commands of the program itself. */
import { parseArgs } from "node:util";
import { OperoneError } from "../kernel/error.ts";
import { nearest } from "../kernel/nearest.ts";
import { type Command, type CommandOption, commonOptions } from "./command.ts";

/** `--data DIR` and `--data=DIR` may stand anywhere before `--`, for operations too; the rest keeps its order. */
export function takeDataOption(argv: readonly string[]): {
  readonly data: string | undefined;
  readonly rest: readonly string[];
} {
  const end = argv.indexOf("--");
  const before = end < 0 ? argv : argv.slice(0, end);
  const rest: string[] = [];
  let data: string | undefined;
  for (let at = 0; at < before.length; at++) {
    const word = before[at] ?? "";
    if (word.startsWith("--data=")) {
      data = word.slice("--data=".length);
    } else if (word === "--data") {
      at += 1;
      data = before[at];
      if (data === undefined)
        throw new OperoneError("invalid_input", "--data names no folder; write --data DIR");
    } else {
      rest.push(word);
    }
  }
  return { data, rest: end < 0 ? rest : [...rest, ...argv.slice(end)] };
}

/** The command with the most words that the line begins with. */
export function commandOf(
  commands: readonly Command[],
  argv: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } | undefined {
  let best: Command | undefined;
  for (const command of commands) {
    const words = command.words.split(" ");
    const longer = best === undefined || words.length > best.words.split(" ").length;
    if (longer && words.every((word, at) => argv[at] === word)) best = command;
  }
  return best && { command: best, rest: argv.slice(best.words.split(" ").length) };
}

export interface ParsedArguments {
  readonly positional: readonly string[];
  readonly json: boolean;
  readonly help: boolean;
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
}

/** @throws OperoneError `invalid_input` for an unknown option, with the nearest known one, or wrong words. */
export function parseCommand(command: Command, argv: readonly string[]): ParsedArguments {
  const options: Readonly<Record<string, CommandOption>> = { ...commonOptions, ...command.options };
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }])),
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const given = new Map<string, string[]>();
  const positional: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positional.push(token.value);
    if (token.kind === "option") addOption(command, options, given, token);
  }
  const result: ParsedArguments = {
    positional,
    json: given.has("json"),
    help: given.has("help"),
    flag: (name) => given.has(name),
    text: (name) => given.get(name)?.at(-1),
    texts: (name) => given.get(name) ?? [],
  };
  if (!result.help) checkPositional(command, positional);
  return result;
}

function addOption(
  command: Command,
  options: Readonly<Record<string, CommandOption>>,
  given: Map<string, string[]>,
  {
    name,
    rawName,
    value,
  }: { readonly name: string; readonly rawName: string; readonly value?: string | undefined },
): void {
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (option === undefined || !rawName.startsWith("--")) {
    const near = nearest(name, Object.keys(options));
    const next = near === undefined ? `see "operone ${command.words} --help"` : `did you mean --${near}?`;
    throw new OperoneError("invalid_input", `"operone ${command.words}" has no option ${rawName}; ${next}`);
  }
  const known = given.get(name) ?? [];
  if (known.length > 0 && option.multiple !== true && option.type === "string") {
    throw new OperoneError("invalid_input", `--${name} was given more than once; give it once`);
  }
  if (option.type === "string" && value === undefined) {
    throw new OperoneError(
      "invalid_input",
      `--${name} needs a value; write --${name} ${option.value ?? "VALUE"}`,
    );
  }
  if (option.type === "boolean" && value !== undefined) {
    throw new OperoneError(
      "invalid_input",
      `--${name} takes no value, and was given ${JSON.stringify(value)}`,
    );
  }
  given.set(name, [...known, value ?? ""]);
}

function checkPositional(command: Command, positional: readonly string[]): void {
  const wanted = command.positional ?? [];
  const usage = `operone ${[command.words, ...wanted].join(" ")}`;
  const missing = wanted[positional.length];
  if (missing !== undefined) {
    throw new OperoneError("invalid_input", `"operone ${command.words}" needs ${missing}; write ${usage}`);
  }
  const extra = positional[wanted.length];
  if (extra !== undefined) {
    throw new OperoneError("invalid_input", `${JSON.stringify(extra)} is one word too many; write ${usage}`);
  }
}
