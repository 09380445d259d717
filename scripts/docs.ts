/** Writes what is generated from the operations and kept in the repository: `bun scripts/docs.ts`. */
import { join, resolve } from "node:path";
import { commandLine } from "../src/command/table.ts";
import { modules } from "../src/modules.ts";
import { openApiDocument } from "../src/surface/openapi.ts";
import { referenceMarkdown } from "../src/surface/reference.ts";

const root = resolve(import.meta.dir, "..");

/** By their paths. The version of the program is in none of them: a release changes no operation. */
export function generatedFiles(): Readonly<Record<string, string>> {
  const { table, commands } = commandLine();
  const document = openApiDocument(table, { version: "0.0.0" });
  return {
    "docs/reference/operations.md": referenceMarkdown({ modules, table, commands }),
    "tests/surface/openapi.json": `${JSON.stringify(document, null, 2)}\n`,
  };
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(generatedFiles())) await Bun.write(join(root, path), text);
}
