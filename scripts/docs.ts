/** Writes what is made from the code and kept in the repository: `npm run docs`, or `bun scripts/docs.ts`. */
import { join, resolve } from "node:path";
import { commands } from "../src/command/commands.ts";
import { offlineTable } from "../src/command/table.ts";
import { modules } from "../src/modules.ts";
import { manifestsOf } from "../src/surface/manifest.ts";
import { openApiDocument } from "../src/surface/openapi.ts";
import { referenceMarkdown } from "../src/surface/reference.ts";
import { configurationMarkdown } from "./docs/configuration.ts";

const root = resolve(import.meta.dir, "..");

/** By their paths. The version of the program is in none of them: a release changes no operation. */
export function generatedFiles(): Readonly<Record<string, string>> {
  const table = offlineTable();
  return {
    "docs/reference/configuration.md": configurationMarkdown(modules),
    "docs/reference/manifests.json": json(manifestsOf(modules)),
    "docs/reference/operations.md": referenceMarkdown({ modules, table, commands }),
    "tests/surface/openapi.json": json(openApiDocument(table, { version: "0.0.0" })),
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(generatedFiles())) {
    const file = Bun.file(join(root, path));
    const changed = !(await file.exists()) || (await file.text()) !== text;
    if (changed) await Bun.write(file, text);
    console.log(`${changed ? "written  " : "unchanged"}  ${path}`);
  }
}
