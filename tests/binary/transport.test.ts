import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile, thisMachine } from "../../build.ts";

test("libp2p starts and talks in a compiled file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "transport-"));
  try {
    const outfile = join(folder, "program");
    const entry = `./${join("tests", "binary", "transport-program.ts")}`;
    await compile([entry], await thisMachine(), outfile, { "process.env.NODE_ENV": '"production"' });
    const run = Bun.spawnSync([outfile], { cwd: folder });
    expect(run.stderr.toString()).toBe("");
    expect(run.stdout.toString()).toBe("tls 100000\n");
  } finally {
    await rm(folder, { recursive: true });
  }
}, 30_000);
