/** The process's own input and output, as the commands use them. */
import { createInterface } from "node:readline/promises";

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** A person's answer, or undefined when there is nobody to ask. */
  ask(question: string): Promise<string | undefined>;
}

export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    async ask(question) {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await lines.question(question);
      } finally {
        lines.close();
      }
    },
  };
}
