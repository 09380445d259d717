/**
 * The verbs that agents use most, under the names and with the arguments that they know from the servers that they were
 * trained with (the official filesystem server, Desktop Commander). Each is one operation; nothing is added to it.
 * Their schemas are made from the operation's own, so that they cannot drift; they are short, because every token of
 * the list is paid in every conversation.
 */

export interface FrontArgument {
  /** The operation's input. */
  readonly key: string;
  /** In its objects: what an agent calls the fields. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Given whether or not the schema requires it. */
  readonly required?: true;
  /** The operation takes a list, the agent gives one. */
  readonly listed?: true;
}

export interface FrontTool {
  readonly name: string;
  readonly operation: string;
  readonly description: string;
  readonly arguments: Readonly<Record<string, FrontArgument>>;
  /** After the text, when the value, or the last item, asks for it. */
  note?(value: Readonly<Record<string, unknown>>): string | undefined;
}

const dryRun: FrontArgument = { key: "dryRun" };
const path: FrontArgument = { key: "path" };

export const frontTools: readonly FrontTool[] = [
  {
    name: "read_text_file",
    operation: "fs.read",
    description: "Read a text file, or some lines of it",
    arguments: { path, fromLine: { key: "fromLine" }, head: { key: "lines" }, tail: { key: "tail" } },
    note({ more, firstLine, lines, cut }) {
      if (more !== true || typeof firstLine !== "number" || typeof lines !== "number") return undefined;
      return `There is more: read on with fromLine ${firstLine + lines - (cut === true ? 1 : 0)}`;
    },
  },
  {
    name: "write_file",
    operation: "fs.write",
    description: "Write a whole file",
    arguments: { path, content: { key: "text", required: true }, dryRun },
  },
  {
    name: "edit_file",
    operation: "fs.edit",
    description: "Replace exact texts in a file; gives the diff",
    arguments: { path, edits: { key: "edits", fields: { oldText: "old", newText: "new" } }, dryRun },
  },
  {
    name: "list_directory",
    operation: "fs.list",
    description: "List a directory",
    arguments: { path, cursor: { key: "cursor" } },
    note: ({ cursor }) => (typeof cursor === "string" ? `There are more: cursor ${cursor}` : undefined),
  },
  {
    name: "search_files",
    operation: "fs.glob",
    description: "Find files by name: **/*.md",
    arguments: { pattern: { key: "pattern" }, path },
  },
  {
    name: "grep",
    operation: "fs.search",
    description: "Search in files with a regular expression",
    arguments: { pattern: { key: "pattern" }, path, glob: { key: "glob", listed: true } },
  },
  {
    name: "run_command",
    operation: "shell.run",
    description: "Run a shell script in a sandbox",
    arguments: {
      command: { key: "script", required: true },
      cwd: { key: "workingDirectory" },
      timeoutMs: { key: "timeoutMs" },
      dryRun,
    },
  },
  {
    name: "start_process",
    operation: "shell.start",
    description: "Start a script that runs on; gives a session",
    arguments: { command: { key: "script", required: true }, cwd: { key: "workingDirectory" } },
    note: ({ id }) =>
      typeof id === "string" ? `Session ${id}; read_process_output gives its output` : undefined,
  },
  {
    name: "read_process_output",
    operation: "shell.output",
    description: "Output of a session, from a cursor on",
    arguments: { session: { key: "session" }, cursor: { key: "cursor" }, waitMs: { key: "waitMs" } },
    note: ({ cursor, exit }) =>
      isRecord(exit)
        ? `Ended: ${String(exit.signal ?? exit.code ?? exit.reason)}`
        : `Still running; go on from cursor ${String(cursor)}`,
  },
  {
    name: "interact_with_process",
    operation: "shell.input",
    description: "Type into a session",
    arguments: { session: { key: "session" }, input: { key: "text", required: true } },
  },
];

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
