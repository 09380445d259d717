/** Every operation of shell. */
import type * as v from "valibot";
import { ByteText } from "../../src/kernel/byte-text.ts";
import { type CliOutput, type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { confined, requestsOf, unconfined } from "./scope.ts";
import { CommandInput, CommandItem, CommandMessage } from "./shapes.ts";
import type { ShellState } from "./state.ts";

const op = operationsOf<ShellState>("shell");

const command = {
  effect: "destroy",
  needs: [],
  needsOneOf: [confined, unconfined],
  surfaces: ["http", "cli", "mesh"],
  gives: "items",
  input: CommandInput,
  output: CommandItem,
  errors: ["not_found", "too_large", "limited", "unsupported"],
  scope: requestsOf,
} as const;

const how =
  "The answer is what the command writes, in the order in which it arrives, as { stream, text } or, where the bytes are no UTF-8, { stream, base64 }; the last item is { exit: { code, signal, reason, durationMs } }. The command leads a process group of its own. When the call is cancelled, its time is over, its output too large, or its token revoked, the whole group gets SIGTERM, and SIGKILL after the grace. What a command leaves running in its group when it exits is ended in the same way after one more grace. A confined command ends with all that it started. Nothing holds an unconfined one, so of that a process which makes itself a daemon is not found.";

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
  ],
  run: (shell, input, context) => shell.commands.run(input, context),
});

const interact = op({
  ...command,
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
  if ("text" in item) return { [item.stream]: item.text };
  if ("base64" in item) {
    return {
      [item.stream]: item.base64 instanceof ByteText ? item.base64 : Uint8Array.fromBase64(item.base64),
    };
  }
  const { reason, durationMs } = item.exit;
  if (reason === "exited") return {};
  const why = reason === "timeout" ? "its time was over" : "its output went beyond its limit";
  return { stderr: `operone: the command was ended after ${Math.round(durationMs)} ms: ${why}\n` };
}

/** As in a shell: 128 and the signal's number. Linux's numbers, where systems differ. */
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGSYS: 31,
};

/** `timeout` of coreutils says 124; other ends by the node are no answer of the command: 125. */
function exit(item: v.InferOutput<typeof CommandItem>): number | undefined {
  if (!("exit" in item)) return 125;
  const { code, signal, reason } = item.exit;
  if (reason === "timeout") return 124;
  if (reason === "output_limit") return 125;
  return code ?? 128 + (signalNumbers[signal ?? ""] ?? 0);
}

export const operations: readonly Operation<ShellState>[] = [run, interact];
