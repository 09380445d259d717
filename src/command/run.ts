/** From the words of the command line to an exit code. */
import { errorBody, errorCodes, OperoneError } from "../kernel/error.ts";
import { nearest } from "../kernel/nearest.ts";
import { dataDirectory } from "../platform/paths.ts";
import { processTerminal, type Terminal } from "../platform/terminal.ts";
import { commandOf, parseCommand, takeDataOption } from "./arguments.ts";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { version } from "./version.ts";

/** Between this program and itself. */
const childWord = "__child";
const helpWords: readonly string[] = ["--help", "-h", "help"];
const versionWords: readonly string[] = ["--version", "-V"];

export async function run(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  try {
    return await runWords(argv, terminal);
  } catch (error) {
    return told(error, argv.includes("--json"), terminal);
  }
}

async function runWords(argv: readonly string[], terminal: Terminal): Promise<number> {
  // Before anything is read of the machine: in its sandbox there is none.
  if (argv[0] === childWord) return await (await import("./child.ts")).runChild(argv.slice(1));
  const { data, rest } = takeDataOption(argv);
  const [first] = rest;
  if (first !== undefined && versionWords.includes(first)) {
    return version({ json: rest.includes("--json"), terminal });
  }
  if (first === undefined || helpWords.includes(first)) {
    return await runHelp(rest.slice(1), terminal);
  }
  const found = commandOf(commands, rest);
  if (found !== undefined) return await runCommand(found.command, found.rest, data, terminal);
  const family = familyHelp(rest);
  if (family !== undefined) {
    terminal.out(family);
    return 0;
  }
  const { runOperation } = await import("./operation.ts");
  return await runOperation(dataDirectory(data), rest);
}

/** `operone help up`, `operone help shell run`, `operone --help`. */
async function runHelp(words: readonly string[], terminal: Terminal): Promise<number> {
  const found = commandOf(commands, words);
  if (found !== undefined) return await helpFor(found.command, terminal);
  const family = words.length === 1 ? familyHelp([...words, "--help"]) : undefined;
  if (family !== undefined) {
    terminal.out(family);
    return 0;
  }
  const operation = await import("./operation.ts");
  return await operation.runHelp([...words, ...(words.length === 0 ? [] : ["--help"])]);
}

async function helpFor(command: Command, terminal: Terminal): Promise<number> {
  const { printCommandHelp } = await import("./help.ts");
  return printCommandHelp(command, terminal);
}

async function runCommand(
  command: Command,
  argv: readonly string[],
  data: string | undefined,
  terminal: Terminal,
): Promise<number> {
  const parsed = parseCommand(command, argv);
  if (parsed.help) return await helpFor(command, terminal);
  return await command.run({ ...parsed, directory: dataDirectory(data), terminal });
}

/** `operone config chek`: the first word is ours, so no operation can be meant. Gives what the family can do. */
function familyHelp([first = "", second = ""]: readonly string[]): string | undefined {
  const family = commands.filter((command) => command.words.startsWith(`${first} `));
  if (family.length === 0) return undefined;
  if (helpWords.includes(second)) {
    const width = Math.max(...family.map(({ words }) => words.length));
    const lines = family.map(({ words, summary }) => `  operone ${words.padEnd(width)}  ${summary}\n`);
    return `Usage:\n${lines.join("")}`;
  }
  const words = family.map((command) => command.words);
  const near = nearest(`${first} ${second}`, words);
  const next = near === undefined ? `use one of: ${words.join(", ")}` : `did you mean "operone ${near}"?`;
  throw new OperoneError("invalid_input", `"operone ${first} ${second}" is not a command; ${next}`);
}

/** Unexpected errors are shown as they are: whoever sits here started the program and owns what it prints. */
function told(error: unknown, json: boolean, terminal: Terminal): number {
  if (!(error instanceof OperoneError)) {
    terminal.err(`operone: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return errorCodes.internal.exit;
  }
  terminal.err(
    json ? `${JSON.stringify({ error: errorBody(error) })}\n` : `operone: ${error.message} (${error.code})\n`,
  );
  return errorCodes[error.code].exit;
}
