/** Starts a node in the background and learns whether it came up. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { isErrorCode } from "../kernel/error.ts";
import { cleanSelfEnvironment, selfCommand } from "./self.ts";
import { type DetachReport, detachedFlag, reportDescriptor } from "./start-report.ts";

/** The output of earlier starts is kept up to this size, in one older file. */
const outputBytesMax = 4 * 1024 * 1024;
const reportBytesMax = 64 * 1024;

export interface Detached {
  readonly pid: number;
  /** What the child reported; when it ended without a word, its last lines. Undefined when the time was over. */
  readonly report: DetachReport | undefined;
}

/** Runs `argv` of this program in a session of its own, with stdout and stderr in `outputFile`. */
export async function startDetached(
  argv: readonly string[],
  outputFile: string,
  timeoutMs: number,
  self: readonly string[] = selfCommand(),
): Promise<Detached> {
  const [program = process.execPath, ...first] = self;
  const output = openOutput(outputFile);
  const startBytes = statSync(outputFile).size;
  const child = spawn(program, [...first, ...argv, detachedFlag], {
    detached: true,
    stdio: ["ignore", output, output, "pipe"],
    env: cleanSelfEnvironment(),
  });
  closeSync(output);
  const text = await Promise.race([
    readReport(child.stdio[reportDescriptor]),
    new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), timeoutMs).unref()),
  ]);
  child.unref();
  child.stdio[reportDescriptor]?.destroy();
  const pid = child.pid ?? 0;
  if (text === undefined) return { pid, report: undefined };
  return {
    pid,
    report: parsedReport(text) ?? {
      ok: false,
      code: "unavailable",
      text: outputSince(outputFile, startBytes),
    },
  };
}

function openOutput(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > outputBytesMax) renameSync(file, `${file}.1`);
  return openSync(file, "a", 0o600);
}

async function readReport(stream: unknown): Promise<string> {
  let text = "";
  if (typeof stream !== "object" || stream === null || !(Symbol.asyncIterator in stream)) return text;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      text += new TextDecoder().decode(chunk);
      if (text.length > reportBytesMax) break;
    }
  } catch {
    // A child that was killed resets the descriptor; what it said before counts.
  }
  return text;
}

function parsedReport(text: string): DetachReport | undefined {
  try {
    const { ok, text: said, code } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof said !== "string") return undefined;
    if (ok === true) return { ok, text: said };
    return { ok: false, code: isErrorCode(code) ? code : "internal", text: said };
  } catch {
    return undefined;
  }
}

function outputSince(file: string, startBytes: number): string {
  const lines = readFileSync(file).subarray(startBytes).toString("utf8").trimEnd().split("\n");
  const last = lines.slice(-20).join("\n");
  return last === "" ? `It ended without a word; see ${file}` : last;
}
