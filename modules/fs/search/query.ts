/** What is searched for, as plain data that goes to the workers. */

export interface Query {
  readonly pattern: string;
  /** The pattern is a text and no regular expression. */
  readonly fixed: boolean;
  readonly ignoreCase: boolean;
  /** Only where it stands as a word. */
  readonly word: boolean;
  /** Lines around each. */
  readonly before: number;
  readonly after: number;
  /** Lines of one file. */
  readonly perFileMax: number;
  /** Lines of the whole search: no worker has to find more. */
  readonly limit: number;
  readonly fileBytesMax: number;
}

/** Which files are looked into, below where the search begins. */
export interface Selection {
  /** Names that begin with a dot, too. */
  readonly hidden: boolean;
  /** Whether .gitignore and .ignore are obeyed. */
  readonly ignoreFiles: boolean;
  /** Patterns of paths; one that begins with `!` leaves out. The last that fits counts. */
  readonly glob: readonly string[];
}

export interface Around {
  readonly before: readonly string[];
  readonly after: string[];
}

/**
 * The matching lines of one file, in order, column by column: a hundred thousand objects would take longer on their way
 * between threads than to be found.
 */
export interface FoundLines {
  /** Line numbers, from 1. */
  readonly lines: readonly number[];
  /** Of the first match in each line: UTF-16 units, from 1. */
  readonly columns: readonly number[];
  /** The lines themselves, with `\n` between them. */
  readonly text: string;
  /** Empty when none was asked for. */
  readonly around: readonly Around[];
}

export interface FileOutcome {
  readonly found: FoundLines;
  readonly bytes: number;
  /** It is no text, or has a zero behind what was found. */
  readonly binary: boolean;
  /** There are matching lines beyond a limit. */
  readonly limited: boolean;
}
