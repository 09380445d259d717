/** The process's own input and output, as the commands use them. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** A person's answer, or undefined when there is nobody to ask. */
  ask(question: string): Promise<string | undefined>;
}

/** A reader that has seen enough is no failure; a full disk is one, and is the output's, not ours. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`operone: the output cannot be written: ${error.message}\n`);
  process.exit(1);
}

export function processTerminal(): Terminal {
  return {
    // The streams are a large part of Bun's runtime: they are made when there is something to say.
    out(text) {
      const { stdout } = process;
      if (stdout.listenerCount("error", onOutputError) === 0) stdout.on("error", onOutputError);
      stdout.write(text);
    },
    err: (text) => void process.stderr.write(text),
    async ask(question) {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
      const { createInterface } = await import("node:readline/promises");
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await lines.question(question);
      } finally {
        lines.close();
      }
    },
  };
}
