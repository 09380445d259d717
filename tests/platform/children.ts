/** Children for tests: started in a folder, read to their end, and looked for. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Child, SpawnOptions } from "../../src/kernel/ports.ts";
import { systemProcesses } from "../../src/platform/processes.ts";

export const linux = process.platform === "linux";
const processes = systemProcesses();

export function start(argv: readonly string[], options: Partial<SpawnOptions> = {}): Child {
  return processes.spawn({
    argv,
    workingDirectory: tmpdir(),
    environment: processes.cleanEnvironment(),
    stdin: "none",
    ...options,
  });
}

export const shell = (script: string, options: Partial<SpawnOptions> = {}) =>
  start(["sh", "-c", script], options);

export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

export async function finish(child: Child) {
  const [stdout, stderr, exit] = await Promise.all([
    bytesOf(child.stdout),
    bytesOf(child.stderr),
    child.exited,
  ]);
  return { stdout: stdout.toString(), stderr: stderr.toString(), ...exit };
}

/** Waits for something that the system does in its own time. */
export async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 500; round++) {
    if (condition()) return;
    await Bun.sleep(10);
  }
  throw new Error("it did not come about within 5 seconds");
}

/** A zombie waits for its parent and runs no more. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !linux || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export function sessionOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
}

/** The process ids that a script says first; the rest of its output is left to a reader in the background. */
export async function firstLine(child: Child, count: number): Promise<number[]> {
  const reader = child.stdout[Symbol.asyncIterator]();
  let text = "";
  while (text.split("\n").length <= count) {
    const { value } = await reader.next();
    if (value === undefined) break;
    text += Buffer.from(value).toString();
  }
  await reader.return?.();
  await child.stderr[Symbol.asyncIterator]().return?.();
  return text.trim().split("\n").map(Number);
}
