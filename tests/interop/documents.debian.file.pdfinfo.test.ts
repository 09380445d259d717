/** Facts of documents beside those that other tools tell. `scripts/corpus/main.ts` looks at far more of them. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { comparedDocuments } from "../../scripts/corpus/documents.ts";
import { smallPackages, unpackedPackages } from "../../scripts/corpus/packages.ts";

const shareMin = 0.99;
const folder = mkdtempSync(join(tmpdir(), "operone-documents-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("what is told of Debian's documents is what pdfinfo and file(1) tell", async () => {
  const comparison = await comparedDocuments(unpackedPackages(smallPackages, folder));
  expect(comparison.compared).toBeGreaterThan(300);
  if (comparison.share < shareMin) throw new Error(comparison.report());
}, 120_000);
