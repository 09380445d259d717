/** The launcher as a child: what it reports before it is the command, and how it is let go. */
import type { Child } from "../../src/kernel/ports.ts";
import { reportBytesMax } from "./sandbox-report.ts";

/** Ends with the start of the command: then the launcher lets go of the pipe. */
export async function reportOf(child: Child, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const onAbort = () => void child.kill("SIGKILL");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for await (const part of child.report ?? []) {
      parts.push(part);
      bytes += part.length;
      if (bytes > reportBytesMax) break;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  if (signal.aborted) {
    await letGo(child);
    signal.throwIfAborted();
  }
  return Buffer.concat(parts).subarray(0, reportBytesMax);
}

/** A child that nobody is to hear of: ended, and its pipes closed. */
export async function letGo(child: Child): Promise<void> {
  child.kill("SIGKILL");
  child.closeStdin();
  await Promise.all([child.stdout, child.stderr].map((pipe) => pipe[Symbol.asyncIterator]().return?.()));
  await child.exited;
}

const saidBytesMax = 500;

/** What it said on stderr before it ended: for programs that report in no other way. */
export async function lastWords(child: Child): Promise<string> {
  let text = "";
  for await (const part of child.stderr) {
    text += Buffer.from(part).toString();
    if (text.length >= saidBytesMax) break;
  }
  return text.slice(0, saidBytesMax).trim();
}
