/** What is measured and what it is measured against, as processes on temporary directories. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { firstAnswer, requestText } from "./socket.ts";

export interface Server {
  readonly socket: string;
  readonly pid: number;
  /** From just before the process was made to its first answer. */
  readonly startedMs: number;
  stop(): Promise<void>;
}

export const healthRequest = requestText("GET", "/v1/node/health");

/** A node of the compiled binary with a data directory of its own and no TCP port. */
export function startNode(binary: string): Promise<Server> {
  const home = newFolder();
  const argv = [binary, "up", "--set", "http.port=0"];
  return start(argv, { OPERONE_HOME: home }, join(home, "operone.sock"), home);
}

/** A yardstick server that was built by `compiled`; it gets its socket's path in the environment. */
export function startYardstick(binary: string): Promise<Server> {
  const home = newFolder();
  const socket = join(home, "yardstick.sock");
  return start([binary], { YARDSTICK_SOCKET: socket }, socket, home);
}

async function start(
  argv: string[],
  extra: Record<string, string>,
  socket: string,
  home: string,
): Promise<Server> {
  const env = { ...systemPaths(), HOME: home, ...extra };
  const startMs = performance.now();
  const child = tracked(Bun.spawn(argv, { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" }));
  await firstAnswer(socket, healthRequest);
  const startedMs = performance.now() - startMs;
  return {
    socket,
    pid: child.pid,
    startedMs,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
      removeFolder(home);
    },
  };
}

const children = new Set<Bun.Subprocess>();
const folders = new Set<string>();

/** Ended when this process ends, however that comes. */
export function tracked<T extends Bun.Subprocess>(child: T): T {
  children.add(child);
  void child.exited.then(() => children.delete(child));
  return child;
}

/** Removed when this process ends. The name is short, because the path of a Unix socket has at most 107 bytes. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ob-"));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) removeFolder(folder);
});

/** What every process of a measurement gets of this one's environment. */
export function systemPaths(): Record<string, string> {
  return { PATH: process.env.PATH ?? "" };
}

export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream) {
    const lines = (text + decoder.decode(part, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}

/** Resident memory in MB (10^6 bytes), from the kernel. Linux only. */
export function residentMb(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return (Number(line) * 1024) / 1e6;
}

const bareServer = `
const body = { live: true };
Bun.serve({ unix: process.env.YARDSTICK_SOCKET, fetch: () => Response.json(body) });
`;

const honoServer = `
import { Hono } from "hono";
const app = new Hono().get("/v1/node/health", (c) => c.json({ live: true }));
Bun.serve({ unix: process.env.YARDSTICK_SOCKET, fetch: app.fetch });
`;

export interface Yardsticks {
  readonly bare: string;
  readonly hono: string;
  remove(): void;
}

/** Compiles the yardstick servers with the same options as the product. */
export async function buildYardsticks(root: string): Promise<Yardsticks> {
  // Inside the checkout, so that the bundler finds hono.
  const folder = mkdtempSync(join(root, "node_modules", ".bench-"));
  const compiled = async (name: string, source: string) => {
    const entry = join(folder, `${name}.ts`);
    writeFileSync(entry, source);
    const outfile = join(folder, name);
    const argv = [
      process.execPath,
      "build",
      entry,
      "--compile",
      "--bytecode",
      "--format=esm",
      "--production",
      "--minify",
    ];
    const { exitCode, stderr } = Bun.spawnSync([...argv, "--outfile", outfile], { stderr: "pipe" });
    if (exitCode !== 0) throw new Error(`The yardstick "${name}" did not build: ${stderr}`);
    return outfile;
  };
  return {
    bare: await compiled("bare", bareServer),
    hono: await compiled("hono", honoServer),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
