/** Searching beside ripgrep, and reading and writing one large file beside `cat` and `dd`. Debian: apt-get install ripgrep. */
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { compare, type Row } from "./rounds.ts";
import { newFolder, removeFolder, type Server, startNode } from "./subjects.ts";

interface Subject {
  readonly binary: string;
}

/** Some ten thousand files that every checkout has. */
const tree = resolve(import.meta.dirname, "../../node_modules");
const fileMiB = 256;

function environment(server: Server): Record<string, string> {
  const home = join(server.socket, "..");
  return { PATH: process.env.PATH ?? "", OPERONE_HOME: home, HOME: home };
}

/** @returns milliseconds. @param exits those that are no failure: 1 is "nothing found" */
async function timed(
  argv: string[],
  server: Server,
  stdin: string | undefined,
  exits = [0],
): Promise<number> {
  const beganMs = performance.now();
  const child = Bun.spawn(argv, {
    env: environment(server),
    stdin: stdin === undefined ? "ignore" : Bun.file(stdin),
    stdout: "pipe",
    stderr: "inherit",
  });
  // Through a pipe on both sides: into nothing, ripgrep knows that and ends at the first match.
  let bytes = 0;
  for await (const chunk of child.stdout) bytes += chunk.length;
  const exit = await child.exited;
  if (!exits.includes(exit)) throw new Error(`${argv.join(" ")} exited with ${exit} after ${bytes} bytes`);
  return performance.now() - beganMs;
}

async function search({ binary }: Subject): Promise<readonly Row[]> {
  if (Bun.which("rg") === null) throw new Error("ripgrep is missing (Debian: apt-get install ripgrep)");
  const server = await startNode(binary);
  const cases: readonly (readonly [what: string, pattern: string, options: readonly string[]])[] = [
    ["nothing", "zzqqxxzz", []],
    ["a rare text", "getOwnPropertyDescriptors", []],
    ["a rare text in any case", "GETOWNPROPERTYDESCRIPTORS", ["--ignore-case"]],
    ["an expression with a text", "[A-Z][a-z]+Error\\(", []],
    ["an expression of classes", "\\b[A-Z]\\w+\\d{3}\\b", []],
    ["a text in many lines", "import", []],
  ];
  const ours = ["--no-ignore-files", "--limit", "100000"];
  const rows: Row[] = [];
  for (const [what, pattern, options] of cases) {
    const run = (argv: string[]) => () => timed(argv, server, undefined, [0, 1]);
    rows.push(
      await compare({
        what: `search: ${what}`,
        unit: "ms",
        goal: "< 2x",
        rounds: 9,
        subject: {
          name: "operone fs search",
          run: run([binary, "fs", "search", ...ours, ...options, "--", pattern, tree]),
        },
        yardstick: { name: "rg", run: run(["rg", "--no-ignore", "-n", ...options, "-e", pattern, tree]) },
      }),
    );
  }
  await server.stop();
  return rows;
}

async function files({ binary }: Subject): Promise<readonly Row[]> {
  const server = await startNode(binary);
  const folder = newFolder();
  const [source, target] = [join(folder, "source"), join(folder, "target")];
  writeFileSync(source, Buffer.alloc(fileMiB * 1024 * 1024, "a line of text that is no zero\n"));
  const rate = (argv: string[], stdin?: string) => async () => {
    const tookMs = await timed(argv, server, stdin);
    rmSync(target, { force: true });
    return (fileMiB * 1.048_576) / (tookMs / 1_000);
  };
  const row = { unit: "MB/s", rounds: 7 };
  const dd = ["dd", `of=${target}`, "bs=256k", "conv=fsync", "status=none"];
  const rows = [
    await compare({
      ...row,
      what: `reading a file of ${fileMiB} MiB`,
      goal: "> 0.5x",
      subject: { name: "operone fs content", run: rate([binary, "fs", "content", source]) },
      yardstick: { name: "cat", run: rate(["cat", source]) },
    }),
    await compare({
      ...row,
      what: `writing a file of ${fileMiB} MiB`,
      goal: "> 0.5x",
      subject: { name: "operone fs write", run: rate([binary, "fs", "write", target], source) },
      yardstick: { name: "dd conv=fsync", run: rate(dd, source) },
    }),
  ];
  removeFolder(folder);
  await server.stop();
  return rows;
}

export const fileMeasurements = { search, files };
