import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { binary } from "./subject.ts";

const root = resolve(import.meta.dir, "../..");

test("the file opens nothing of the building machine, and no settings beside it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "opens-"));
  try {
    const log = join(folder, "log");
    const argv = ["strace", "-f", "-qq", "-e", "trace=%file", "-o", log, await binary(), "--version"];
    const run = Bun.spawnSync(argv, { cwd: folder, env: { HOME: folder, PATH: process.env.PATH } });
    expect(run.exitCode).toBe(0);
    const lines = (await Bun.file(log).text()).split("\n");
    // The first line is the start of the file itself.
    expect(lines[0]).toContain("execve");
    const refused = lines
      .slice(1)
      .filter(
        (line) => line.includes(`${root}/`) || /node_modules|bunfig|\.env"|tsconfig|package\.json/.test(line),
      );
    expect(refused).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
