import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { generatedFiles } from "../scripts/docs.ts";

const root = resolve(import.meta.dir, "..");

test("the generated files are those of this code; else run: bun scripts/docs.ts", async () => {
  for (const [path, text] of Object.entries(generatedFiles())) {
    const kept = await Bun.file(join(root, path)).text();
    expect({ path, same: kept === text }).toEqual({ path, same: true });
  }
});
