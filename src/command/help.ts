/** Help for a command of the program itself, in the form that operations have. */
import type { Terminal } from "../platform/terminal.ts";
import { pad, textWidth, wrap } from "../surface/text.ts";
import { type Command, type CommandOption, commonOptions } from "./command.ts";

const columns = 100;

export function printCommandHelp(command: Command, terminal: Terminal): number {
  const { words, summary, description, positional = [], options = {} } = command;
  const usage = ["operone", words, ...positional, "[options]"].join(" ");
  const shown = Object.entries<CommandOption>({ ...options, ...commonOptions })
    .filter(([, option]) => option.hidden !== true)
    .map(([name, option]) => [spelled(name, option), optionText(option)] as const);
  const width = Math.max(...shown.map(([left]) => textWidth(left)));
  const parts = [
    [summary],
    ["Usage:", `  ${usage}`],
    description === undefined ? [] : wrap(description, columns),
    ["Options:", ...shown.map(([left, right]) => `  ${pad(left, width)}  ${right}`)],
  ];
  const text = parts.filter((lines) => lines.length > 0).map((lines) => lines.join("\n"));
  terminal.out(`${text.join("\n\n")}\n`);
  return 0;
}

function spelled(name: string, { value }: CommandOption): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function optionText({ summary, multiple }: CommandOption): string {
  return multiple === true ? `${summary} (repeatable)` : summary;
}
