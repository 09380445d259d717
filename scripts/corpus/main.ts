/**
 * Measures how often fs.parse says of documents what pdfinfo and file(1) say: `bun scripts/corpus/main.ts [FOLDER]`.
 * Without a folder it fetches the documentation of Debian packages (240 MB) and looks through that.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { comparedDocuments } from "./documents.ts";
import { allPackages, unpackedPackages } from "./packages.ts";

const [given] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "operone-corpus-"));
try {
  const comparison = await comparedDocuments(given ?? unpackedPackages(allPackages, folder));
  console.log(comparison.report());
} finally {
  rmSync(folder, { recursive: true });
}
