/**
 * The command line: words to a call, the answer to text, a failure to one line and an exit code. It knows no socket;
 * the client and the terminal are given.
 */
import type { Answer } from "../kernel/call.ts";
import { errorBody, errorCodes, OperoneError } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";
import { selectsMany } from "../kernel/selector.ts";
import { inputOf, type ParsedCall, parseArguments } from "./arguments.ts";
import { answered } from "./cli-answer.ts";
import { type CliIo, isOutputClosed } from "./cli-io.ts";
import { typedPaths } from "./cli-paths.ts";
import { progressLine, showsProgress } from "./cli-progress.ts";
import { type TypedCall, typedCall } from "./cli-terminal.ts";
import type { ClientCallOptions, OperationClient } from "./client.ts";
import { type CommandLine, findCommand } from "./commands.ts";
import { linesOf } from "./event-stream.ts";
import { helpForAll, helpForModule, helpForOperation } from "./help.ts";
import { escapeControls, jsonText } from "./text.ts";

export interface CliOptions extends CommandLine {
  /** Without the program's name. */
  readonly argv: readonly string[];
  readonly client: OperationClient;
  readonly io: CliIo;
}

/** For `--input -`, which is held in memory as a whole. */
const inputBytesMax = 16 * 1024 * 1024;
/** Help is wrapped at this width at most: longer lines are hard to read. */
const helpColumnsMax = 100;

/** @returns the process's exit code; every failure was told on stderr */
export async function runCli(options: CliOptions): Promise<number> {
  const { argv, io } = options;
  let operation: Operation | undefined;
  try {
    const found = findCommand(options, argv);
    const columns = io.isTty.stdout ? Math.min(io.columns, helpColumnsMax) : helpColumnsMax;
    if (found.kind === "all") {
      await io.stdout.write(helpForAll(options, columns));
      return 0;
    }
    if (found.kind === "module") {
      await (found.help ? io.stdout : io.stderr).write(helpForModule(options, found.module, columns));
      return found.help ? 0 : errorCodes.invalid_input.exit;
    }
    operation = found.operation;
    const parsed = parseArguments(operation, found.command, found.rest);
    if (parsed.given.has("help")) {
      await io.stdout.write(helpForOperation(operation, columns));
      return 0;
    }
    return await callOperation(options, operation, parsed);
  } catch (error) {
    return await told(options, operation, error);
  }
}

async function callOperation(options: CliOptions, operation: Operation, parsed: ParsedCall): Promise<number> {
  const base = await wholeInput(options.io, operation, parsed.given);
  const typed = inputOf(operation, parsed, base);
  const { input, node } = typedPaths(operation, typed, parsed.given.get("node"), options.io.workingDirectory);
  const given = node === undefined ? parsed.given : new Map(parsed.given).set("node", node);
  return await perform(options, operation, input, given);
}

async function perform(
  options: CliOptions,
  operation: Operation,
  input: unknown,
  given: ParsedCall["given"],
): Promise<number> {
  const { client, io } = options;
  const json = given.has("json");
  const progress = showsProgress(io, json) ? progressLine(io) : undefined;
  const typed = await typedOf(io, operation, given);
  try {
    const node = given.get("node");
    const answer = await client.call(operation.id, input, {
      ...callOptionsOf(given),
      signal: typed === undefined ? io.signal : AbortSignal.any([io.signal, typed.signal]),
      ...(typed === undefined
        ? await streamOf(io, operation, given, selectsMany(node))
        : { messages: typed.messages }),
      ...(progress === undefined ? {} : { onProgress: progress.show }),
    });
    const further = furtherOf(options, operation, answer, given);
    if (further !== undefined) return await further();
    const output = given.get("output");
    return await answered({ operation, io, json, output, progress, many: selectsMany(node) }, answer);
  } catch (error) {
    if (typed?.signal.aborted === true && !io.signal.aborted) return 0;
    throw error;
  } finally {
    typed?.end();
    await progress?.clear();
  }
}

function callOptionsOf(given: ParsedCall["given"]): ClientCallOptions {
  const timeout = given.get("timeout");
  const node = given.get("node");
  const idempotencyKey = given.get("idempotency-key");
  return {
    ...(timeout === undefined ? {} : { deadlineMs: parseDuration(timeout) }),
    ...(node === undefined ? {} : { node }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

/** Undefined unless a person sits at a terminal that the operation can have. */
async function typedOf(
  io: CliIo,
  { cli }: Operation,
  given: ParsedCall["given"],
): Promise<TypedCall | undefined> {
  if (cli.terminal === undefined || !isAtTerminal(io, given) || given.has("stdin-file")) return undefined;
  return io.openTerminal === undefined ? undefined : await typedCall(io, io.openTerminal, cli.terminal);
}

function isAtTerminal({ isTty }: CliIo, given: ParsedCall["given"]): boolean {
  return isTty.stdin && isTty.stdout && !given.has("json");
}

/** The call that follows a value at a terminal, instead of showing it. */
function furtherOf(
  options: CliOptions,
  { cli }: Operation,
  answer: Answer,
  given: ParsedCall["given"],
): (() => Promise<number>) | undefined {
  if (answer.gives !== "value" || !isAtTerminal(options.io, given)) return undefined;
  const next = cli.further?.(answer.value);
  const operation = options.table.get(next?.operation ?? "");
  if (next === undefined || operation === undefined) return undefined;
  const kept = new Map([...given].filter(([name]) => name === "node"));
  return () => perform(options, operation, next.input, kept);
}

/** `--input` as text or from stdin. */
async function wholeInput(io: CliIo, operation: Operation, given: ParsedCall["given"]): Promise<unknown> {
  const text = given.get("input");
  if (text === undefined) return undefined;
  if (text === "-" && operation.takes !== "nothing" && !given.has("stdin-file")) {
    throw new OperoneError(
      "invalid_input",
      `stdin cannot give both the input and the ${operation.takes}; read one of them from a file with --stdin-file`,
    );
  }
  const source = text === "-" ? await readText(io.stdin) : text;
  try {
    return JSON.parse(source);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OperoneError("invalid_input", `--input is no JSON text: ${why}`);
  }
}

async function readText(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let sizeBytes = 0;
  let text = "";
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > inputBytesMax) {
      throw new OperoneError("too_large", `The input on stdin is over ${inputBytesMax} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

async function streamOf(
  io: CliIo,
  { takes, gives }: Operation,
  given: ParsedCall["given"],
  many: boolean,
): Promise<Pick<ClientCallOptions, "bytes" | "messages">> {
  if (takes === "nothing") return {};
  const file = given.get("stdin-file");
  // There is one stdin and there are many nodes: each gets none of it.
  if (many && takes === "bytes" && file === undefined) return {};
  if (file === undefined && io.isTty.stdin && gives === "value" && takes === "bytes") {
    await io.stderr.write("Reading from the terminal; end with Ctrl-D on a line of its own.\n");
  }
  const source = file === undefined ? io.stdin : io.readFile(file);
  return takes === "bytes" ? { bytes: source } : { messages: messagesOf(source) };
}

/** One JSON value a line. */
async function* messagesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  let line = 0;
  for await (const text of linesOf(chunks, "keep the last")) {
    line += 1;
    if (text.trim() === "") continue;
    try {
      yield JSON.parse(text);
    } catch {
      const shown = JSON.stringify(text.slice(0, 80));
      throw new OperoneError("invalid_input", `Line ${line} of the messages is no JSON value: ${shown}`);
    }
  }
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** The longest delay that timers take. */
const timeoutMsMax = 2_147_483_647;

/** @throws OperoneError `invalid_input` */
export function parseDuration(text: string): number {
  const [, digits = "", unit = ""] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(digits) * (durationUnits[unit] ?? Number.NaN);
  if (ms > 0 && ms <= timeoutMsMax) return Math.ceil(ms);
  throw new OperoneError(
    "invalid_input",
    `${JSON.stringify(text)} is no time limit; write a number and its unit, such as 500ms, 5s, 2m or 1h, up to 500h`,
  );
}

/** Says what failed and gives the exit code for it. A reader that has seen enough is no failure. */
async function told(
  { argv, io }: CliOptions,
  operation: Operation | undefined,
  error: unknown,
): Promise<number> {
  if (isOutputClosed(error)) return 0;
  const body =
    error instanceof OperoneError
      ? errorBody(error)
      : { code: "internal" as const, message: error instanceof Error ? error.message : String(error) };
  const words = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  // Whoever pressed Ctrl-C knows why it ended.
  const isExpected = io.signal.aborted && body.code === "cancelled" && !words.includes("--json");
  if (isExpected) return errorCodes.cancelled.exit;
  try {
    await io.stderr.write(
      words.includes("--json") ? `${jsonText({ error: body })}\n` : failureText(body, operation),
    );
  } catch (stderrError) {
    if (!isOutputClosed(stderrError)) throw stderrError;
  }
  if (io.signal.aborted) return errorCodes.cancelled.exit;
  return operation?.cli.failureExit ?? errorCodes[body.code].exit;
}

function failureText(
  { code, message }: { readonly code: keyof typeof errorCodes; readonly message: string },
  operation: Operation | undefined,
): string {
  const line = `operone: ${escapeControls(message).replaceAll("\n", " ")} (${code})\n`;
  if (code !== "invalid_input" || operation === undefined) return line;
  return `${line}  "operone ${operation.module} ${operation.name} --help" shows what it takes\n`;
}
