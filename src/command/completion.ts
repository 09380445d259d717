/** `operone completion`: a script for the shell, on stdout. */
import { completionScript } from "../surface/completion.ts";
import type { CommandInput } from "./command.ts";
import { commandLine } from "./table.ts";

export function completion({ positional: [shell = ""], terminal }: CommandInput): number {
  terminal.out(completionScript(shell, commandLine()));
  return 0;
}
