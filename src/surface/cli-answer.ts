/** Writes an answer to the terminal and takes the exit code from it. */
import { ByteText } from "../kernel/byte-text.ts";
import type { Answer } from "../kernel/call.ts";
import { type ErrorBody, errorCodes, OperoneError } from "../kernel/error.ts";
import type { BytesAnswer, CliOutput, Operation } from "../kernel/operation.ts";
import { type CliIo, type CliWriter, usesColor } from "./cli-io.ts";
import { outputLength, writeTogether } from "./cli-output.ts";
import { type ProgressLine, watched } from "./cli-progress.ts";
import { gathered } from "./gathered.ts";
import { NodeLines } from "./node-lines.ts";
import { type RenderOptions, renderItem, renderValue } from "./render.ts";
import { escapeControls, jsonText } from "./text.ts";

export interface Answered {
  readonly operation: Operation;
  readonly io: CliIo;
  readonly json: boolean;
  /** Where bytes go, instead of stdout. */
  readonly output: string | undefined;
  readonly progress: ProgressLine | undefined;
  /** The answer is `{ node, value | error }` for each of many nodes. */
  readonly many: boolean;
}

export async function answered(to: Answered, answer: Answer): Promise<number> {
  if (to.many && answer.gives === "items") return await writeNodes(to, answer.items);
  if (answer.gives === "bytes") return writeBytes(to, answer.bytes, answer.discard);
  if (answer.gives === "value") {
    await writeOne(to, answer.value, renderValue);
    return exitOf(to, answer.value);
  }
  return await writeItems(to, answer.items);
}

/** Items that are there at once are written together up to this many characters or bytes. */
const gatheredSizeMax = 64 * 1024;

async function writeItems(to: Answered, items: AsyncIterable<unknown>): Promise<number> {
  let last: unknown;
  const outputs = gathered(items, {
    part(item) {
      last = item;
      return to.json ? { stdout: `${jsonText(item)}\n` } : outputOf(to, item, renderItem);
    },
    sizeOf: outputLength,
    sizeMax: gatheredSizeMax,
  });
  for await (const together of outputs) {
    await to.progress?.clear();
    await writeTogether(to.io, together);
  }
  return exitOf(to, last);
}

/** Every line says whose it is. The exit code is the first that is not 0, unless one node is enough. */
async function writeNodes(to: Answered, items: AsyncIterable<unknown>): Promise<number> {
  const { operation, io, json, progress } = to;
  const lines = new NodeLines(io);
  /** Of each node's last item so far: the end of its answer says how it went. */
  const exits = new Map<string, number>();
  const render = operation.gives === "items" ? renderItem : renderValue;
  let hasFailed = false;
  for await (const item of items) {
    const { value, error, ...named } = item as NodeItem;
    hasFailed ||= error !== undefined;
    // Another node chose its name and its words; one line of it must stay one line.
    const node = oneLine(named.node);
    exits.set(node, error === undefined ? exitOf(to, value) : (errorCodes[error.code]?.exit ?? 1));
    await progress?.clear();
    if (json) await io.stdout.write(`${jsonText(item)}\n`);
    else if (error === undefined) await lines.write(node, outputOf(to, value, render));
    else await lines.write(node, { stderr: `${oneLine(error.message)} (${error.code})\n` });
  }
  await lines.end();
  const isEnough = operation.cli.oneNodeIsEnough === true && !hasFailed && [...exits.values()].includes(0);
  return isEnough ? 0 : ([...exits.values()].find((exit) => exit !== 0) ?? 0);
}

function oneLine(text: string): string {
  return escapeControls(text).replaceAll("\n", "\\n");
}

interface NodeItem {
  readonly node: string;
  readonly value?: unknown;
  readonly error?: ErrorBody;
}

function outputOf(
  { operation, io }: Answered,
  value: unknown,
  render: (value: unknown, options: RenderOptions) => string,
): CliOutput {
  const columns = io.isTty.stdout ? io.columns : Number.POSITIVE_INFINITY;
  return operation.cli.render?.(value) ?? { stdout: render(value, { columns, color: usesColor(io) }) };
}

async function writeOne(
  to: Answered,
  value: unknown,
  render: (value: unknown, options: RenderOptions) => string,
): Promise<void> {
  const { io, json, progress } = to;
  await progress?.clear();
  if (json) return await io.stdout.write(`${jsonText(value)}\n`);
  const output = outputOf(to, value, render);
  await write(io.stdout, output.stdout);
  await write(io.stderr, output.stderr);
}

async function write(to: CliWriter, output: CliOutput["stdout"]): Promise<void> {
  if (output instanceof ByteText) for (const part of output.parts) await to.write(part);
  else if (output !== undefined && output.length > 0) await to.write(output);
}

function exitOf({ operation }: Answered, value: unknown): number {
  if (value === undefined) return 0;
  return operation.cli.exit?.(value) ?? 0;
}

async function writeBytes(
  { operation, io, output, progress }: Answered,
  bytes: BytesAnswer,
  discard: (() => void) | undefined,
): Promise<number> {
  if (output === undefined && io.isTty.stdout && !isText(bytes.mediaType)) {
    discard?.();
    const name = bytes.fileName === undefined ? "FILE" : JSON.stringify(bytes.fileName);
    throw new OperoneError(
      "invalid_input",
      `"${operation.id}" gives ${bytes.mediaType}, which a terminal cannot show; write it to a file with --output ${name}, or into a pipe`,
    );
  }
  await progress?.clear();
  const counted = () =>
    progress === undefined ? bytes.open() : watched(bytes.open(), bytes.sizeBytes, progress);
  if (output !== undefined) {
    await io.writeFile(output, counted());
    return 0;
  }
  for await (const chunk of io.isTty.stdout ? bytes.open() : counted()) await io.stdout.write(chunk);
  return 0;
}

function isText(mediaType: string): boolean {
  return /^(text\/|application\/(json|x-ndjson|xml|yaml|toml|javascript)\b)|\+(json|xml|yaml)\b/.test(
    mediaType,
  );
}
