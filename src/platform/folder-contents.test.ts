import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contentsSize, removeFolder } from "./folder-contents.ts";

const linux = process.platform === "linux";
const bounds = { entriesMax: 100, depthMax: 5 };

if (linux) {
  test("a folder is measured with its holes, up to bounds, and removed whatever its depth and modes", async () => {
    const top = realpathSync(mkdtempSync(join(tmpdir(), "operone-contents-")));
    const folder = join(top, "f");
    const outside = join(top, "outside");
    mkdirSync(join(folder, "shut"), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, "kept"), "");
    symlinkSync(outside, join(folder, "shut/link"));
    writeFileSync(join(folder, "holes"), "");
    await Bun.$`truncate -s 5000000 ${join(folder, "holes")}`.quiet();
    chmodSync(join(folder, "shut"), 0);
    const size = await contentsSize(folder, bounds);
    expect(size?.bytes).toBeGreaterThanOrEqual(5_000_000);
    expect(await contentsSize(folder, { ...bounds, entriesMax: 1 })).toBeUndefined();
    mkdirSync(join(folder, "d/".repeat(300)), { recursive: true });
    expect(await contentsSize(folder, bounds)).toBeUndefined();
    await removeFolder(folder);
    expect([existsSync(folder), existsSync(join(outside, "kept"))]).toEqual([false, true]);
    await removeFolder(folder);
    await removeFolder(top);
  });
}
