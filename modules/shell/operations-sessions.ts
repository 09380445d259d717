/** The operations on sessions: commands that outlive the call that started them. */
import * as v from "valibot";
import { type CliOutput, type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { lines, visible } from "../../src/kernel/plain-text.ts";
import { exitCodeOf } from "./exit-code.ts";
import { limitTexts } from "./limit-reason.ts";
import { ownOutput } from "./own-output.ts";
import { confined, unconfined } from "./scope.ts";
import { previewOf, rightsOf } from "./script-rights.ts";
import {
  AttachInput,
  AttachMessage,
  ListInput,
  OutputInput,
  ResizeInput,
  SessionInput,
  SessionItem,
  SessionPlan,
  SessionRef,
  SessionView,
  SignalInput,
  WaitInput,
  WriteInput,
} from "./session-shapes.ts";
import type { ShellState } from "./state.ts";

const op = operationsOf<ShellState>("shell");

const whose =
  "A session belongs to the caller that started it. The owner of the node sees all; for anybody else it does not exist.";

/** Whoever may run commands has sessions; whose one is, is judged where it is found. */
const base = {
  needs: [],
  needsOneOf: [confined, unconfined],
  surfaces: ["http", "cli", "mesh", "mcp"],
  scope: () => [],
} as const;

const onOne = { ...base, errors: ["not_found"], cli: { positional: ["session"] } } as const;

const start = op({
  ...base,
  name: "start",
  summary: "Start a command that outlives the call, as a session",
  description: `The command runs until it ends, its time is over, it is removed, its creator's credential or grants end, or the node stops. Its newest output is kept on disk, also after its end and over a restart of the node. ${whose}`,
  effect: "destroy",
  input: SessionInput,
  output: v.union([SessionView, SessionPlan]),
  errors: ["not_found", "conflict", "too_large", "limited", "unsupported"],
  deadlineMs: 60_000,
  scope: rightsOf,
  preview: previewOf,
  cli: {
    positional: ["argv"],
    alias: ["start"],
    render: (answer) =>
      "started" in answer
        ? lines(
            `would run ${visible(JSON.stringify(answer.argv))} in the profile ${visible(answer.profile)}`,
            ...answer.rights.map(
              ({ permission, request }) => `takes ${permission} ${visible(JSON.stringify(request))}`,
            ),
          )
        : { stdout: `${answer.id}\n` },
    further: (answer) =>
      "id" in answer && answer.terminal
        ? { operation: "shell.attach", input: { session: answer.id } }
        : undefined,
  },
  examples: [
    { input: { argv: ["true"], profile: "unconfined" }, output: { argv: ["true"], terminal: false } },
  ],
  run: ({ sessions }, input, context) =>
    input.dryRun ? sessions.planned(input, context) : sessions.start(input, context),
});

const list = op({
  ...base,
  name: "list",
  summary: "List sessions",
  description: whose,
  effect: "read",
  input: ListInput,
  output: v.array(SessionView),
  cli: { alias: ["ps"], render: renderList },
  examples: [{ input: { running: true } }],
  run: ({ sessions }, input, context) => sessions.list(input, context),
});

const items =
  'Items are { stream, text } or { stream, base64 }; { missing } for so many bytes that are not kept any more; at last { exit }, or { state: "running" } when there is no more now. Each has the cursor at which a later call goes on.';

const output = op({
  ...onOne,
  name: "output",
  summary: "Give the output of a session, from a cursor on",
  description: `${items} ${whose}`,
  effect: "read",
  gives: "items",
  input: OutputInput,
  output: SessionItem,
  errors: ["not_found", "range"],
  cli: { positional: ["session"], alias: ["output"], render, exit },
  run: ({ sessions }, input, context) => sessions.output(input, context),
});

const attach = op({
  ...onOne,
  surfaces: ["http", "cli", "mesh"],
  name: "attach",
  summary: "Read from and write to a session while it runs",
  description: `${items} Messages: { input: TEXT } and { inputBase64: BASE64 } write to it, { resize: { columns, rows } } changes its terminal, { signal: "SIGINT" } goes to its processes, { close: true } ends its stdin. The end of the messages, and that of the call, leave it running. At a terminal the command line types into it. ${whose}`,
  effect: "destroy",
  takes: "messages",
  gives: "items",
  input: AttachInput,
  output: SessionItem,
  message: AttachMessage,
  errors: ["not_found", "range"],
  cli: {
    positional: ["session"],
    alias: ["attach"],
    render,
    exit,
    terminal: {
      typed: (bytes) => ({ inputBase64: bytes.toBase64() }),
      resized: (columns, rows) => ({ resize: { columns, rows } }),
    },
  },
  run: ({ sessions }, input, context) => sessions.attach(input, context),
});

const input = op({
  ...onOne,
  name: "input",
  summary: "Write to a session",
  description: `The bytes that come with the call, or a text. It answers when the session's stdin has taken them; a command that reads nothing makes it wait, and what was taken by the end of its time stays written. ${whose}`,
  effect: "destroy",
  takes: "bytes",
  input: WriteInput,
  output: v.strictObject({ bytes: v.number() }),
  errors: ["not_found", "conflict"],
  run: ({ sessions }, input, context) => sessions.write(input, context),
});

const signal = op({
  ...onOne,
  name: "signal",
  summary: "Send a signal to a session's processes",
  description: whose,
  effect: "destroy",
  input: SignalInput,
  output: v.strictObject({ delivered: v.boolean() }),
  cli: { positional: ["session", "signal"] },
  run: ({ sessions }, input, context) => sessions.signal(input, context),
});

const resize = op({
  ...onOne,
  name: "resize",
  summary: "Change the size of a session's terminal",
  description: whose,
  effect: "write",
  input: ResizeInput,
  output: v.strictObject({}),
  errors: ["not_found", "conflict"],
  cli: { positional: ["session", "columns", "rows"] },
  run: ({ sessions }, input, context) => sessions.resize(input, context),
});

const wait = op({
  ...onOne,
  name: "wait",
  summary: "Wait until a session has ended",
  description: `At the command line the exit code is the command's. ${whose}`,
  effect: "read",
  input: WaitInput,
  output: SessionView,
  deadlineMs: 0,
  cli: {
    positional: ["session"],
    render: () => ({}),
    exit: (view) => exitCodeOf(view.exit),
    failureExit: 125,
  },
  run: ({ sessions }, input, context) => sessions.wait(input, context),
});

const remove = op({
  ...onOne,
  name: "remove",
  summary: "End a session and forget its output",
  description: `It answers when all its processes have ended. ${whose}`,
  effect: "destroy",
  input: SessionRef,
  output: SessionView,
  deadlineMs: 700_000,
  cli: { positional: ["session"], render: ({ id }) => ({ stdout: `${id}\n` }) },
  run: ({ sessions }, input, context) => sessions.remove(input, context),
});

type Item = v.InferOutput<typeof SessionItem>;

const endings: Readonly<Record<string, string>> = {
  timeout: "its time was over",
  output_limit: "its output went beyond its limit",
  ...limitTexts,
  removed: "it was removed",
  revoked: "the rights of its creator ended",
  stopped: "its node was stopped",
  lost: "its node was killed",
};

/** The command's own bytes; only what the node did is said in words. */
function render(item: Item): CliOutput {
  if ("stream" in item) return ownOutput(item);
  if ("missing" in item) {
    return { stderr: `operone: ${item.missing} bytes of output are not kept any more\n` };
  }
  if (!("exit" in item) || item.exit.reason === "exited") return {};
  return { stderr: `operone: the session was ended: ${endings[item.exit.reason] ?? item.exit.reason}\n` };
}

function exit(item: Item): number | undefined {
  return "exit" in item ? exitCodeOf(item.exit) : 0;
}

function renderList(sessions: readonly v.InferOutput<typeof SessionView>[]): CliOutput {
  if (sessions.length === 0) return { stdout: "No sessions\n" };
  const rows = sessions.map(({ id, name = "", state, exit: ended, creator, argv }) => {
    const status = ended === undefined ? state : `${ended.reason} ${ended.signal ?? ended.code ?? ""}`.trim();
    return [id, name, status, creator, JSON.stringify(argv.join(" ")).slice(1, -1).slice(0, 60)];
  });
  const table = [["ID", "NAME", "STATE", "CREATOR", "COMMAND"], ...rows];
  const widths = [0, 1, 2, 3].map((at) => Math.max(...table.map((row) => row[at]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return { stdout: `${lines.join("\n")}\n` };
}

export const sessionOperations: readonly Operation<ShellState>[] = [
  start,
  list,
  output,
  attach,
  input,
  signal,
  resize,
  wait,
  remove,
];
