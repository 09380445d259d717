import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child } from "../kernel/ports.ts";
import { systemProcesses } from "./processes.ts";

const processes = systemProcesses();
const folder = mkdtempSync(join(tmpdir(), "operone-tty-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function atTerminal(script: string): Child {
  return processes.spawn({
    argv: ["sh", "-c", script],
    workingDirectory: tmpdir(),
    environment: { ...processes.cleanEnvironment(), TERM: "dumb" },
    stdin: "pipe",
    terminal: { columns: 91, rows: 21 },
  });
}

/** What it shows up to the text, or to the end. */
async function shown(child: Child, until?: string): Promise<string> {
  let text = "";
  for (const iterator = child.stdout[Symbol.asyncIterator](); ; ) {
    const { done, value } = await iterator.next();
    if (done === true) return text;
    text += Buffer.from(value).toString("latin1");
    if (until !== undefined && text.includes(until)) return text;
  }
}

test("a child has a terminal of its size as all three streams, leads its session and ends the output", async () => {
  const child = atTerminal("test -t 0 && test -t 1 && test -t 2 && stty size; ps -o tpgid= -p $$; echo $$");
  const lines = (await shown(child)).split("\r\n");
  expect([lines[0], Number(lines[1]), Number(lines[2])]).toEqual(["21 91", child.pid, child.pid]);
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(await Array.fromAsync(child.stderr)).toEqual([]);
});

test("a new size is told by SIGWINCH", async () => {
  const child = atTerminal("trap 'stty size; exit 0' WINCH; echo up; while :; do sleep 0.02; done");
  await shown(child, "up");
  child.terminal?.resize({ columns: 100, rows: 40 });
  expect(await shown(child)).toContain("40 100");
});

test("the end of input is typed, and Ctrl-C is a signal", async () => {
  const reading = atTerminal("cat; echo ended");
  await reading.writeStdin(Buffer.from("line\n"));
  await shown(reading, "line\r\nline");
  reading.closeStdin();
  expect(await shown(reading)).toContain("ended");
  const sleeping = atTerminal("echo up; exec sleep 60");
  await shown(sleeping, "up");
  await sleeping.writeStdin(Uint8Array.of(3));
  expect(await sleeping.exited).toEqual({ code: null, signal: "SIGINT" });
});

test("a writer waits for a program that does not read, and every byte arrives in order when it does", async () => {
  const child = atTerminal(
    `stty raw -echo; echo up; until test -e ${folder}/go; do sleep 0.02; done; exec cat`,
  );
  await shown(child, "up");
  const bytes = Buffer.from(Array.from({ length: 60_000 }, (_, at) => `${at}\n`).join(""));
  const writing = child.writeStdin(bytes);
  const waited = await Promise.race([writing.then(() => "written"), Bun.sleep(100).then(() => "waits")]);
  expect(waited).toBe("waits");
  writeFileSync(join(folder, "go"), "");
  expect(await shown(child, "59999\n")).toBe(bytes.toString());
  await writing;
  child.kill("SIGKILL");
  await child.exited;
});

test("whoever stops reading closes the terminal, the child feels it, and a write is EPIPE", async () => {
  const child = atTerminal("echo up; sleep 60");
  await shown(child, "up");
  await child.stdout[Symbol.asyncIterator]().return?.();
  expect(await child.exited).toMatchObject({ signal: "SIGHUP" });
  await expect(child.writeStdin(Uint8Array.of(1))).rejects.toMatchObject({ code: "EPIPE" });
  child.terminal?.resize({ columns: 1, rows: 1 });
});

test("every signal reaches the jobs that left the shell's group", async () => {
  // The job says itself that it is there: until then it may still be the shell, which takes no notice of SIGINT.
  const job = "sh -c 'echo up; exec sleep 60' & job=$!";
  const loop = "while kill -0 $job 2>/dev/null; do wait $job; done; echo ended; sleep 60";
  const child = atTerminal(`set -m; trap : INT; ${job}; ${loop}`);
  await shown(child, "up\r");
  expect(child.kill("SIGINT")).toBe(true);
  expect(await shown(child, "ended")).toContain("ended");
  child.kill("SIGKILL");
  await child.exited;
});
