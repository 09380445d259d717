/** The terminal, the files and Ctrl-C of this process, as the command line needs them. */

import { once } from "node:events";
import { createReadStream, createWriteStream, statSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { OperoneError } from "../kernel/error.ts";
import { type RawTerminal, rawTerminal } from "./raw-terminal.ts";

interface Writer {
  /** Resolves when it was taken. Rejects with the code EPIPE when nobody reads any more. */
  write(data: string | Uint8Array): Promise<void>;
}

export interface ProcessIo {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Writer;
  readonly stderr: Writer;
  readonly workingDirectory: string;
  readonly isTty: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  readonly columns: number;
  monotonicMs(): number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly openTerminal: () => RawTerminal;
  readFile(path: string): AsyncIterable<Uint8Array>;
  writeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
}

export function processIo(signal: AbortSignal): ProcessIo {
  return {
    stdin: stdinChunks(),
    stdout: roomyWriter(writer(process.stdout), () => void enlargeStdout()),
    stderr: writer(process.stderr),
    workingDirectory: process.cwd(),
    isTty: {
      stdin: process.stdin.isTTY === true,
      stdout: process.stdout.isTTY === true,
      stderr: process.stderr.isTTY === true,
    },
    // A terminal that was never told its size says 0.
    columns: process.stdout.columns || process.stderr.columns || 80,
    monotonicMs: () => performance.now(),
    environment: process.env,
    signal,
    openTerminal: rawTerminal,
    readFile: (path) => createReadStream(path),
    writeFile,
  };
}

/** @throws OperoneError `not_found`, before anything is read */
export function fileStream(path: string): ReadableStream<Uint8Array> {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new OperoneError("not_found", `There is no file "${path}"`);
  }
  return Bun.file(path).stream();
}

/** Few commands write so much: the others do without the way into the C library. */
async function enlargeStdout(): Promise<void> {
  const { enlargePipe } = await import("./pipes.ts");
  enlargePipe(1);
}

/** From here on a write is one of many. */
const largeWriteBytes = 32 * 1024;

/** The usual room of a pipe is that of one such write: with more, writer and reader need not wait for each other each time. */
export function roomyWriter(to: Writer, enlarge: () => void): Writer {
  let isRoomy = false;
  return {
    write(data) {
      if (!isRoomy && data.length >= largeWriteBytes) {
        isRoomy = true;
        enlarge();
      }
      return to.write(data);
    },
  };
}

function writer(stream: NodeJS.WriteStream): Writer {
  // Each write reports its own failure; without a listener the first one would end the process.
  stream.on("error", () => {});
  return {
    write: (data) =>
      new Promise((resolve, reject) => {
        stream.write(data, (error) => (error ? reject(error) : resolve()));
      }),
  };
}

/** Opened by the first read, so that a command that takes nothing leaves stdin alone. */
async function* stdinChunks(): AsyncGenerator<Uint8Array> {
  yield* stdinStream();
}

export function stdinStream(): ReadableStream<Uint8Array> {
  return Bun.stdin.stream();
}

/** For its owner alone: what is saved may be a backup, which holds keys. */
async function writeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  const file = createWriteStream(temporary, { flags: "wx", mode: 0o600 });
  try {
    for await (const chunk of chunks) {
      if (!file.write(chunk)) await once(file, "drain");
    }
    await new Promise<void>((resolve, reject) => {
      file.once("error", reject);
      file.end(() => resolve());
    });
    await rename(temporary, path);
  } catch (error) {
    file.destroy();
    await rm(temporary, { force: true });
    throw error;
  }
}
