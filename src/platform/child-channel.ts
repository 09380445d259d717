/** How a child of this program hears and answers: by its stdin and stdout, with no other file. */
import { writeSync } from "node:fs";

const stdout = 1;
const retryMs = 1;
const ways = ["log", "info", "debug", "warn", "error"] as const;

/** What comes by stdin. */
export function channelInput(): AsyncIterable<Uint8Array> {
  return Bun.stdin.stream();
}

/** Blocks while nobody reads; a descriptor that cannot block is tried again. */
export async function channelWrite(bytes: Uint8Array, file = stdout): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(file, bytes, at);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      await Bun.sleep(retryMs);
    }
  }
}

/** What a library says is no answer: it goes to stderr, which nobody keeps. */
export function muteConsole(target: Pick<Console, (typeof ways)[number]> = console): void {
  const say = (...words: unknown[]) => void process.stderr.write(`${words.map(String).join(" ")}\n`);
  for (const name of ways) target[name] = say;
}
