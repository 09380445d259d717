import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installLauncher } from "./launcher.ts";

test("the launcher lies in the folder exactly as it was built, for the owner alone, or it is said why not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "operone-launcher-"));
  const installed = await installLauncher(join(folder, "shell"));
  if ("why" in installed) {
    // This machine has no Linux or no compiler.
    expect([installed.why, installed.fix]).toEqual([expect.any(String), expect.any(String)]);
  } else {
    const { path } = installed;
    const whole = readFileSync(path);
    expect(statSync(path).mode & 0o777).toBe(0o500);
    chmodSync(path, 0o700);
    writeFileSync(path, "something else");
    expect(await installLauncher(join(folder, "shell"))).toEqual({ path });
    expect(readFileSync(path).equals(whole)).toBe(true);
    chmodSync(path, 0o600);
    await installLauncher(join(folder, "shell"));
    expect(statSync(path).mode & 0o777).toBe(0o500);
  }
  rmSync(folder, { recursive: true });
});
