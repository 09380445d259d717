/** What Linux tells of this process in /proc/self (proc(5)). Each fact is absent where the system does not tell it. */
import type { Files } from "../../src/kernel/ports.ts";

export interface ProcessFacts {
  /** Open file descriptors. */
  readonly descriptors?: number;
  /** How many it may open. */
  readonly descriptorsMax?: number;
  readonly threads?: number;
  readonly virtualBytes?: number;
}

const textBytesMax = 64 * 1024;

export async function processFacts(files: Pick<Files, "read" | "list">): Promise<ProcessFacts> {
  const text = async (name: string) => {
    const bytes = await files.read(`/proc/self/${name}`, textBytesMax);
    return bytes === undefined ? "" : new TextDecoder().decode(bytes);
  };
  const [limits, status, open] = await Promise.all([
    text("limits"),
    text("status"),
    files.list("/proc/self/fd"),
  ]);
  const threads = numberIn(status, /^Threads:\s+(\d+)$/m);
  const virtualKib = numberIn(status, /^VmSize:\s+(\d+) kB$/m);
  const descriptorsMax = numberIn(limits, /^Max open files\s+(\d+)/m);
  return {
    ...(open.length === 0 ? {} : { descriptors: open.length }),
    ...(descriptorsMax === undefined ? {} : { descriptorsMax }),
    ...(threads === undefined ? {} : { threads }),
    ...(virtualKib === undefined ? {} : { virtualBytes: virtualKib * 1_024 }),
  };
}

function numberIn(text: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
