/** What a command of the program itself is: everything that cannot be an operation of a running node. */
import type { Terminal } from "../platform/terminal.ts";

export interface CommandOption {
  readonly type: "boolean" | "string";
  /** What stands for the value in the help: `DIR`. */
  readonly value?: string;
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** Between this program and itself; not in the help. */
  readonly hidden?: boolean;
  readonly summary: string;
}

export interface Command {
  /** As it is typed: `config check`. */
  readonly words: string;
  readonly summary: string;
  /** Names of the words that follow: `FILE`. All of them are needed. */
  readonly positional?: readonly string[];
  readonly options?: Readonly<Record<string, CommandOption>>;
  /** Longer help. */
  readonly description?: string;
  /** Loads the code and runs it. Gives the exit code. */
  run(input: CommandInput): Promise<number>;
}

export interface CommandInput {
  /** Absolute; it need not exist. */
  readonly directory: string;
  readonly json: boolean;
  readonly positional: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  readonly terminal: Terminal;
}

/** Options that every command takes. */
export const commonOptions = {
  data: { type: "string", value: "DIR", summary: "The data directory; else OPERONE_HOME, else ~/.operone" },
  json: { type: "boolean", summary: "JSON instead of text" },
  help: { type: "boolean", summary: "Explain the command" },
} as const satisfies Readonly<Record<string, CommandOption>>;
