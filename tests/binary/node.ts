/** A node from the compiled file, with a data directory of its own and a port of the system's choice. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Holder } from "../../src/platform/lock.ts";
import { startMarkOf } from "../../src/platform/process-identity.ts";
import { binary } from "./subject.ts";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** The whole environment instead of the usual one. */
  readonly bare?: boolean;
}

/** What `up --json` prints. */
export interface Welcome {
  readonly version: string;
  readonly pid: number;
  readonly addresses: readonly string[];
  readonly socket: string;
  readonly ownerToken: string;
  readonly dataDirectory: string;
  readonly try: readonly string[];
}

export interface TestNode {
  readonly directory: string;
  readonly welcome: Welcome;
  /** For a TCP request: scheme, host and port. */
  readonly address: string;
  /** Everything that the process wrote to stderr so far. */
  errors(): string;
  token(): Promise<string>;
  /** A command of the same binary for this node's data directory. */
  run(argv: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Over the socket, as the owner. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  call(operation: string, input?: unknown): Promise<Response>;
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<number>;
  stop(): Promise<number>;
}

const startTimeoutMs = 20_000;

/** Folders to remove when the tests of a file are done. */
const folders: string[] = [];
const running = new Set<Bun.Subprocess>();

/** Short, because a socket's path has at most 107 bytes. */
export function folder(name = "n"): string {
  const made = mkdtempSync(join(tmpdir(), `${name}-`));
  folders.push(made);
  return made;
}

/** For `afterAll`: ends what this file started, by process id, and removes its folders. */
export async function cleanUp(): Promise<void> {
  for (const child of running) child.kill("SIGKILL");
  await Promise.all([...running].map((child) => child.exited));
  for (const path of folders) endBackgroundNodes(path);
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
}

/** A failed test leaves the node that it started in the background; the folder is ours, so the node is too. */
function endBackgroundNodes(path: string): void {
  for (const file of new Bun.Glob("**/running.json").scanSync({ cwd: path, absolute: true, dot: true })) {
    const { pid, startMark } = JSON.parse(readFileSync(file, "utf8")) as Holder;
    if (startMarkOf(pid) === startMark) process.kill(pid, "SIGKILL");
  }
}

/** Nothing of the caller's environment but what programs need to be found. */
function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: tmpdir(), TMPDIR: tmpdir(), ...more };
}

export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const file = await binary();
  return await runProgram([file, ...argv], options);
}

export async function runProgram(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = Bun.spawn([...argv], {
    cwd: options.cwd ?? tmpdir(),
    env: options.bare === true ? { ...options.env } : environment(options.env),
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: "pipe",
    stderr: "pipe",
  });
  running.add(child);
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  running.delete(child);
  return { code, stdout, stderr };
}

export interface StartOptions {
  readonly directory?: string;
  readonly argv?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Words before the program, for an emulator or a tracer. */
  readonly runner?: readonly string[];
  readonly program?: string;
}

export async function startNode(options: StartOptions = {}): Promise<TestNode> {
  const directory = options.directory ?? join(folder(), "d");
  const program = options.program ?? (await binary());
  const argv = [
    program,
    "up",
    "--json",
    "--data",
    directory,
    "--set",
    "http.port=0",
    ...(options.argv ?? []),
  ];
  const child = Bun.spawn([...(options.runner ?? []), ...argv], {
    cwd: options.cwd ?? tmpdir(),
    env: environment(options.env),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  running.add(child);
  const exited = child.exited.then((code) => {
    running.delete(child);
    return code;
  });
  let errors = "";
  void collect(child.stderr, (text) => {
    errors += text;
  });
  const line = await firstLine(child.stdout, startTimeoutMs);
  if (line === undefined) {
    child.kill("SIGKILL");
    throw new Error(`The node did not start (exit ${await exited}): ${errors}`);
  }
  const welcome = JSON.parse(line) as Welcome;
  const fetchOver = (path: string, init: RequestInit = {}) =>
    fetch(`http://operone${path}`, { ...init, unix: welcome.socket });
  return {
    directory,
    welcome,
    address: welcome.addresses[0] ?? "",
    errors: () => errors,
    token: async () => (await Bun.file(welcome.ownerToken).text()).trim(),
    run: (words, more) => runProgram([program, "--data", directory, ...words], more),
    fetch: fetchOver,
    call: (operation, input = {}) =>
      fetchOver(`/v1/${operation.replace(".", "/")}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(input),
      }),
    signal: (signal) => child.kill(signal),
    exited,
    stop() {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

async function collect(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}

/** Undefined when the stream ends, or the time is over, before a whole line came. Goes on draining the stream. */
async function firstLine(stream: ReadableStream<Uint8Array>, timeoutMs: number): Promise<string | undefined> {
  let text = "";
  const line = new Promise<string | undefined>((resolve) => {
    void collect(stream, (more) => {
      text += more;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    }).finally(() => resolve(undefined));
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  return await Promise.race([line, late]).finally(() => clearTimeout(timer));
}

/** The JSON of an answer, in the form that the test expects. */
export async function jsonOf<T>(response: Response | Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}

/** Whether a process with this number exists and is no zombie. */
export function isAlive(pid: number): boolean {
  const status = Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)])
    .stdout.toString()
    .trim();
  return status !== "" && !status.startsWith("Z");
}

/** Looks again until it holds; a wait for another process's doing that sends no event here. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) return false;
    await Bun.sleep(2);
  }
  return true;
}
