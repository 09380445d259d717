/** A write that is killed at any moment leaves the old file or the new one. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "operone-kill-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("after a kill in the middle of a write the file is whole", async () => {
  const path = join(folder, "file");
  const seen = new Set<string>();
  for (let round = 0; round < 15; round++) {
    const writer = Bun.spawn([process.execPath, join(import.meta.dir, "kill-writer.ts"), path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await writer.stdout.getReader().read();
    // At another moment of a write each time.
    for (let turn = 0; turn < round * 7; turn++) await new Promise((resolve) => setImmediate(resolve));
    writer.kill("SIGKILL");
    await writer.exited;
    const text = readFileSync(path, "latin1");
    expect(text.length).toBe(1_000_000);
    expect(new Set(text).size).toBe(1);
    seen.add(text[0] ?? "");
  }
  expect(seen.size).toBeGreaterThan(0);
}, 60_000);
