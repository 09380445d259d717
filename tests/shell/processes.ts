/** Commands for tests, and what became of their processes. */
import { readFileSync } from "node:fs";

const linux = process.platform === "linux";

export async function* chunks(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? Buffer.from(part) : part;
}

export async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(100_000);
}

/** Waits for something that the system does in its own time. */
export async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 800; round++) {
    if (condition()) return;
    await Bun.sleep(10);
  }
  throw new Error("it did not come about within 8 seconds");
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

/** Reads items until the output holds so many numbers. */
export async function pidsFrom(iterator: AsyncIterator<unknown>, count: number): Promise<number[]> {
  let text = "";
  while (text.split("\n").length <= count) {
    const { value } = (await iterator.next()) as { value?: { text?: string } };
    text += value?.text ?? "";
  }
  return text.trim().split("\n").map(Number);
}

/** Two processes that end by SIGKILL only; they say their numbers. */
export const stubborn =
  'trap "" TERM INT HUP; (trap "" TERM; sleep 60; sleep 60) & echo $!; echo $$; wait; wait';

/**
 * How far the memory grows after the first `warmBytes`, when every buffer that has a limit has reached it. What the
 * collector has not fetched yet counts too, so hundreds of megabytes have to pass before a growth means something.
 */
export function growth(warmBytes: number) {
  let warm: number | undefined;
  let most = 0;
  let collected = 0;
  return {
    look(seenBytes: number): void {
      if (seenBytes < warmBytes) return;
      if (warm === undefined || seenBytes - collected > 30_000_000) {
        Bun.gc(true);
        collected = seenBytes;
      }
      const now = process.memoryUsage.rss();
      warm ??= now;
      most = Math.max(most, now - warm);
    },
    grownBytes: () => most,
  };
}
