/** Help at every level, made from the table: for operone, for a module, for an operation. */
import { type ErrorCode, errorCodes } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";
import { argumentsFromInput, callOptionsFor } from "./arguments.ts";
import { type CommandLine, cliOperations } from "./commands.ts";
import { type Option, optionsOf, positionalsOf } from "./options.ts";
import { escapeControls, textWidth, wrap } from "./text.ts";

/** An operation as a person types it; also for the reference documentation. */
export interface OperationHelp {
  readonly id: string;
  readonly usage: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly description: string | undefined;
  readonly effect: string;
  readonly needs: readonly string[];
  readonly options: readonly OptionHelp[];
  readonly callOptions: readonly OptionHelp[];
  readonly examples: readonly { readonly command: string; readonly note: string | undefined }[];
  readonly errors: readonly { readonly code: ErrorCode; readonly exit: number }[];
  /** Exit code of every failure, where it is not the code's own. */
  readonly failureExit: number | undefined;
}

export interface OptionHelp {
  /** `PATH`, `--count NUMBER`, `--[no-]deep`. */
  readonly spelled: string;
  readonly text: string;
}

/** Codes that any call can end with; an operation adds its own. */
const everyCall: readonly ErrorCode[] = [
  "invalid_input",
  "unauthenticated",
  "forbidden",
  "unavailable",
  "deadline",
];

/** What a path can be here besides, where a person stands in a folder. */
const typedPathText =
  ' At the command line "a.md" lies in the folder where you are, and "pi:/a" on the node pi.';

/** Every operation of the command line, sorted by id. */
export function commandLineHelp(table: CommandLine["table"]): readonly OperationHelp[] {
  return cliOperations(table).map(operationHelp);
}

export function operationHelp(operation: Operation): OperationHelp {
  const command = `operone ${operation.module} ${operation.name}`;
  const positionals = positionalsOf(operation);
  const named = optionsOf(operation).filter(({ position }) => position === undefined);
  const words = positionals.map((option) => wordText(option));
  const needed = named.filter(({ required }) => required).map((option) => spelledOption(option));
  const free = named.length > needed.length ? ["[options]"] : [];
  const usage = (typed: string) => [typed, ...needed, ...free, ...words].join(" ");
  const codes = new Set([...everyCall, ...operation.errors]);
  return {
    id: operation.id,
    usage: usage(command),
    aliases: (operation.cli.alias ?? []).map((alias) => usage(`operone ${alias}`)),
    summary: operation.summary,
    description: operation.description,
    effect: operation.effect,
    needs: [
      ...operation.needs,
      ...(operation.needsOneOf.length > 0 ? [operation.needsOneOf.join(" or ")] : []),
    ],
    options: [
      ...positionals.map((option) => ({
        spelled: wordName(option),
        text: `${optionText(option)}${operation.cli.paths?.includes(option.key) === true ? typedPathText : ""}`,
      })),
      ...named.map((option) => ({ spelled: spelledOption(option), text: optionText(option) })),
    ],
    callOptions: callOptionsFor(operation).map(([name, { value, summary }]) => ({
      spelled: `${name === "help" ? "-h, " : ""}--${name}${value === undefined ? "" : ` ${value}`}`,
      text: summary,
    })),
    examples: operation.examples.map(({ input, note }) => ({
      command: [command, ...argumentsFromInput(operation, input).map(shellQuote)].join(" "),
      note,
    })),
    errors: [...codes]
      .map((code) => ({ code, exit: errorCodes[code].exit }))
      .toSorted((a, b) => a.exit - b.exit),
    failureExit: operation.cli.failureExit,
  };
}

export function helpForAll({ table, modules, commands }: CommandLine, columns: number): string {
  const shown = new Set(cliOperations(table).map(({ module }) => module));
  const aliases = cliOperations(table).flatMap((operation) =>
    (operation.cli.alias ?? []).map((alias) => ({ spelled: alias, text: operation.summary })),
  );
  return page([
    ["operone: one file on each of your machines; together they act as one computer."],
    ["Usage:", "  operone COMMAND", "  operone MODULE OPERATION [WORDS] [--OPTIONS]"],
    titled(
      "Commands:",
      pairs(
        commands.map(({ words, summary }) => ({ spelled: words, text: summary })),
        columns,
      ),
    ),
    titled(
      "Modules:",
      pairs(
        modules.filter(({ id }) => shown.has(id)).map(({ id, summary }) => ({ spelled: id, text: summary })),
        columns,
      ),
    ),
    titled("Short for an operation:", pairs(aliases, columns)),
    ['"operone MODULE --help" lists its operations; --help explains any command.'],
  ]);
}

export function helpForModule({ table, modules }: CommandLine, module: string, columns: number): string {
  const operations = cliOperations(table).filter((operation) => operation.module === module);
  const summary = modules.find(({ id }) => id === module)?.summary ?? "";
  return page([
    [summary === "" ? module : `${module}: ${summary}`],
    ["Usage:", `  operone ${module} OPERATION [WORDS] [--OPTIONS]`],
    titled(
      "Operations:",
      pairs(
        operations.map((one) => ({ spelled: one.name, text: one.summary })),
        columns,
      ),
    ),
    [`"operone ${module} OPERATION --help" explains one.`],
  ]);
}

export function helpForOperation(operation: Operation, columns: number): string {
  const help = operationHelp(operation);
  const exits = help.errors.map(({ code, exit }) => `${exit} ${code}`).join(", ");
  const ends =
    help.failureExit === undefined
      ? `0 done, ${exits}`
      : `${help.failureExit} for every failure of the call itself`;
  return page([
    [help.summary],
    ["Usage:", ...[help.usage, ...help.aliases].map((line) => `  ${line}`)],
    help.description === undefined ? [] : wrap(help.description, columns),
    titled("Input:", pairs(help.options, columns)),
    takesText(operation).flatMap((line) => wrap(line, columns)),
    titled("Options:", pairs(help.callOptions, columns)),
    titled(
      "Examples:",
      help.examples.flatMap(({ command, note }) =>
        note === undefined ? [`  ${command}`] : [`  # ${note}`, `  ${command}`],
      ),
    ),
    [
      `Effect: ${help.effect}. Needs: ${help.needs.join(", ") || "no permission"}.`,
      ...wrap(`Exit codes: ${ends}.`, columns),
    ],
  ]);
}

function takesText({ takes, gives }: Operation): string[] {
  const input = {
    nothing: undefined,
    bytes: "Reads bytes from stdin.",
    messages: "Reads messages from stdin, one JSON value a line.",
  };
  const output = {
    value: undefined,
    items: "Prints one item a line as they come.",
    bytes: "Writes bytes to stdout.",
  };
  const lines = [input[takes], output[gives]].filter((line) => line !== undefined);
  return lines.length === 0 ? [] : [lines.join(" ")];
}

/** `PATH`, `[PATH]`, `[PATH...]` */
function wordText(option: Option): string {
  const text = option.repeated ? `${wordName(option)}...` : wordName(option);
  return option.required ? text : `[${text}]`;
}

function wordName({ name }: Option): string {
  return name.toUpperCase();
}

function spelledOption(option: Option): string {
  return option.flag ? `--[no-]${option.name}` : `--${option.name} ${option.value}`;
}

function optionText(option: Option): string {
  const facts = [
    option.description,
    option.required ? "(required)" : undefined,
    option.repeated ? "(repeatable)" : undefined,
    option.defaultValue === undefined ? undefined : `[default: ${JSON.stringify(option.defaultValue)}]`,
  ];
  return facts.filter((fact) => fact !== undefined).join(" ");
}

/** POSIX shell quoting, only where it is needed. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

const nameWidthMax = 34;

/** Two columns; the right one is wrapped. */
function pairs(list: readonly OptionHelp[], columns: number): string[] {
  const width = Math.min(nameWidthMax, Math.max(0, ...list.map(({ spelled }) => textWidth(spelled))));
  const indent = " ".repeat(width + 4);
  return list.flatMap(({ spelled, text }) => {
    const [first = "", ...rest] = wrap(text, Math.max(20, columns - width - 4));
    const fits = textWidth(spelled) <= width;
    const head = fits
      ? [`  ${spelled}${" ".repeat(width - textWidth(spelled) + 2)}${first}`.trimEnd()]
      : [`  ${spelled}`, indent + first];
    return [...head.filter((line) => line.trim() !== ""), ...rest.map((line) => indent + line)];
  });
}

function titled(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines];
}

function page(paragraphs: readonly (readonly string[])[]): string {
  const text = paragraphs.filter((lines) => lines.length > 0).map((lines) => lines.join("\n"));
  return `${escapeControls(text.join("\n\n"))}\n`;
}
