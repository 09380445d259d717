import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { generatedFiles } from "../scripts/docs.ts";

const root = resolve(import.meta.dir, "..");
const generated = generatedFiles();

test.each(Object.keys(generated))("%s is what the code makes", async (path) => {
  const file = Bun.file(join(root, path));
  const kept = (await file.exists()) ? await file.text() : "";
  if (kept === generated[path]) return;
  throw new Error(
    `${path} is stale. Run "bun scripts/docs.ts" and look at the difference before you commit it.`,
  );
});

test("docs/reference holds nothing else", async () => {
  const kept = (await readdir(join(root, "docs/reference"))).map((name) => `docs/reference/${name}`);
  expect(kept.toSorted()).toEqual(
    Object.keys(generated).filter((path) => path.startsWith("docs/reference/")),
  );
});
