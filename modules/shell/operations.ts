/** Every operation of shell. */
import * as v from "valibot";
import { type CliOutput, type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { visible } from "../../src/kernel/plain-text.ts";
import { changeText, dryRunText } from "./dry-run-text.ts";
import { exitCodeOf } from "./exit-code.ts";
import { limitTexts } from "./limit-reason.ts";
import { dryRunOperations } from "./operations-dry-run.ts";
import { sessionOperations } from "./operations-sessions.ts";
import { ownOutput } from "./own-output.ts";
import { ProfileShown, shown } from "./profile-shown.ts";
import { confined, unconfined } from "./scope.ts";
import { previewOf, rightsOf } from "./script-rights.ts";
import { CommandInput, CommandItem, CommandMessage, type EndReason } from "./shapes.ts";
import type { ShellState } from "./state.ts";

const op = operationsOf<ShellState>("shell");

const command = {
  effect: "destroy",
  needs: [],
  needsOneOf: [confined, unconfined],
  surfaces: ["http", "cli", "mesh", "mcp"],
  gives: "items",
  input: CommandInput,
  output: CommandItem,
  errors: ["not_found", "too_large", "limited", "unsupported"],
  scope: rightsOf,
  preview: previewOf,
} as const;

const how =
  "The answer is what the command writes, in the order in which it arrives, as { stream, text } or, where the bytes are no UTF-8, { stream, base64 }; the last item is { exit: { code, signal, reason, tier, durationMs } }, where tier says what confined the command (none, namespaces, bubblewrap, or lock, which is degraded). The command leads a process group of its own. When the call is cancelled, its time is over, its output too large, or its token revoked, the whole group gets SIGTERM, and SIGKILL after the grace. What a command leaves running in its group when it exits is ended in the same way after one more grace. A confined command ends with all that it started. Nothing holds an unconfined one, so of that a process which makes itself a daemon is not found.";

const run = op({
  ...command,
  name: "run",
  summary: "Run a command and give its output and exit code",
  description: `${how} The bytes that come with the call are its stdin.`,
  takes: "bytes",
  cli: { positional: ["argv"], render, exit, failureExit: 125 },
  examples: [
    {
      input: { argv: ["true"], profile: "unconfined" },
      output: { exit: { code: 0, signal: null, reason: "exited" } },
    },
    { input: { argv: ["echo", "hi"], profile: "unconfined" } },
    { input: { script: "for i in 1 2; do echo $i; done", profile: "unconfined" } },
  ],
  run: (shell, input, context) => shell.commands.run(input, context),
});

const interact = op({
  ...command,
  surfaces: ["http", "cli", "mesh"],
  name: "interact",
  summary: "Run a command and write to it while it runs",
  description: `${how} Messages: { stdin: TEXT } and { stdinBase64: BASE64 } write to it, { close: true } ends its stdin, { signal: "SIGINT" } goes to its group. The end of the messages ends its stdin.`,
  takes: "messages",
  message: CommandMessage,
  cli: { positional: ["argv"], render, exit, failureExit: 125 },
  examples: [
    { input: { argv: ["true"], profile: "unconfined" } },
    { input: { argv: ["echo", "hi"], profile: "unconfined" } },
  ],
  run: (shell, input, context) => shell.commands.interact(input, context),
});

/** The command's own bytes; only what the node did to it is said in words. */
function render(item: v.InferOutput<typeof CommandItem>): CliOutput {
  if ("stream" in item) return ownOutput(item);
  // Not to stdout, which is the command's alone.
  if ("change" in item) return { stderr: changeText(item.change) };
  if ("dryRun" in item) return { stderr: `operone: ${dryRunText(item.dryRun)}` };
  const { reason, durationMs, refused = [] } = item.exit;
  const notes = refused.map(visible);
  if (reason !== "exited")
    notes.push(`the command was ended after ${Math.round(durationMs)} ms: ${endTexts[reason]}`);
  return notes.length === 0 ? {} : { stderr: notes.map((note) => `operone: ${note}\n`).join("") };
}

const endTexts: Readonly<Record<Exclude<EndReason, "exited">, string>> = {
  timeout: "its time was over",
  output_limit: "its output went beyond its limit",
  ...limitTexts,
};

function exit(item: v.InferOutput<typeof CommandItem>): number | undefined {
  return exitCodeOf("exit" in item ? item.exit : undefined);
}

const profileList = op({
  name: "profile-list",
  summary: "The profiles of confined commands on this node, with every value that holds",
  description:
    "Those that every node has, and the owner's own, which are written in its configuration as [shell.profiles.NAME]. network is for a call that names none, and networkMax the most that a call may name; commands are patterns, and null is every command.",
  effect: "read",
  needs: [],
  needsOneOf: [confined, unconfined],
  surfaces: ["http", "cli", "mesh", "mcp"],
  scope: () => [],
  input: v.strictObject({}),
  output: v.strictObject({ profiles: v.array(ProfileShown) }),
  cli: { alias: ["profiles"] },
  examples: [{ input: {} }],
  run: (shell) => ({ profiles: shell.commands.profiles.all().map(shown) }),
});

export const operations: readonly Operation<ShellState>[] = [
  run,
  interact,
  profileList,
  ...sessionOperations,
  ...dryRunOperations,
];
