/** What a command writes, on its way to whoever reads it, beside a pipe. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compare, type Row } from "./rounds.ts";
import { type Server, startNode } from "./subjects.ts";

const textMb = 200;
const line = "2026-01-01T00:00:00Z info a line of an ordinary log, long enough to look like one\n";

/** @returns MB/s */
async function rate(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return textMb / ((performance.now() - beganMs) / 1_000);
}

async function post(server: Server, operation: string, input: unknown): Promise<Response> {
  const response = await fetch(`http://operone/v1/shell/${operation}`, {
    unix: server.socket,
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson, application/json" },
    body: JSON.stringify(input),
  });
  if (!response.ok) throw new Error(`${operation} answered ${response.status}: ${await response.text()}`);
  return response;
}

async function readAll({ body }: Response): Promise<void> {
  let bytes = 0;
  for await (const chunk of body ?? []) bytes += chunk.length;
  if (bytes < textMb * 1e6) throw new Error(`${bytes} bytes came instead of ${textMb} MB`);
}

export async function output({ binary }: { readonly binary: string }): Promise<readonly Row[]> {
  const server = await startNode(binary);
  const home = join(server.socket, "..");
  const file = join(home, "output.txt");
  writeFileSync(file, line.repeat(Math.ceil((textMb * 1e6) / line.length)));
  const env = { PATH: process.env.PATH ?? "", OPERONE_HOME: home, HOME: home };
  const program = async (argv: string[]) => {
    const child = Bun.spawn(argv, { env, stdin: "ignore", stdout: Bun.file("/dev/null"), stderr: "inherit" });
    if ((await child.exited) !== 0) throw new Error(`${argv[0]} exited with ${child.exitCode}`);
  };
  const outputBytesMax = 2 * textMb * 1e6;
  const command = { argv: ["cat", file], profile: "unconfined", outputBytesMax };
  const limit = ["--profile", "unconfined", "--output-bytes-max", String(outputBytesMax)];
  const ended = async (name: string) => {
    await post(server, "start", { ...command, name });
    await (await post(server, "wait", { session: name })).json();
  };
  await ended("kept");
  const ways: readonly (readonly [name: string, goal: string, work: () => Promise<unknown>])[] = [
    ["operone shell run", "> 0.9x", () => program([binary, "shell", "run", ...limit, "--", "cat", file])],
    ["shell.run, NDJSON", "-", async () => readAll(await post(server, "run", command))],
    ["operone output of a session", "-", () => program([binary, "output", "kept"])],
    ["shell.output, NDJSON", "-", async () => readAll(await post(server, "output", { session: "kept" }))],
  ];
  const yardstick = {
    name: "cat | cat",
    run: () => rate(() => program(["sh", "-c", `cat '${file}' | cat`])),
  };
  const row = (name: string, goal: string, run: () => Promise<number>) =>
    compare({ what: "child output", unit: "MB/s", goal, rounds: 5, subject: { name, run }, yardstick });
  const rows: Row[] = [];
  for (const [name, goal, work] of ways) rows.push(await row(name, goal, () => rate(work)));
  let sessions = 0;
  const kept = async () => {
    const name = `s${sessions++}`;
    const mbPerSecond = await rate(() => ended(name));
    await (await post(server, "remove", { session: name })).json();
    return mbPerSecond;
  };
  rows.push(await row("a session, kept on disk", "-", kept));
  await server.stop();
  return rows;
}
