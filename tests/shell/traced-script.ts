/** Runs scripts in real shells where only harmless programs exist, and tells which of them were started. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TracedShell {
  /** The vectors of all programs that the script started. */
  trace(shell: "bash" | "dash", script: string): Promise<readonly (readonly string[])[]>;
  [Symbol.dispose](): void;
}

/** A script that never ends says nothing more. */
const endMs = 5_000;

/** What starts others is the real thing. */
const starters = ["env", "nice", "nohup", "sh", "bash", "timeout", "xargs"];

export function tracedShell(programs: readonly string[]): TracedShell {
  const root = mkdtempSync(join(tmpdir(), "operone-trace-"));
  const bin = join(root, "bin");
  mkdirSync(bin);
  for (const program of programs) {
    const file = join(bin, program);
    writeFileSync(file, `#!/bin/sh\nprintf '%s\\0' "\${0##*/}" "$@" > "$TRACE_LOG/$$"\n`);
    chmodSync(file, 0o755);
  }
  for (const starter of starters) symlinkSync(Bun.which(starter) ?? starter, join(bin, starter));
  return {
    async trace(shell, script) {
      const folder = mkdtempSync(join(root, "run-"));
      const [work, log] = [join(folder, "work"), join(folder, "log")];
      for (const one of [work, log]) mkdirSync(one);
      const child = Bun.spawn([`/bin/${shell}`, "-c", script], {
        cwd: work,
        env: { PATH: bin, TRACE_LOG: log },
        stdio: ["ignore", "pipe", "ignore"],
        timeout: endMs,
        killSignal: "SIGKILL",
      });
      // Its end comes when what runs in the background has ended too.
      await new Response(child.stdout).arrayBuffer();
      const logs = readdirSync(log).map((one) => readFileSync(join(log, one), "utf8"));
      rmSync(folder, { recursive: true, force: true });
      return logs.filter((one) => one.endsWith("\0")).map((one) => one.slice(0, -1).split("\0"));
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
