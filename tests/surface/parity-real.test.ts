/** The laws of parity for the operations in the binary, on a node with all its modules in a folder of its own. */
import { afterAll, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode } from "../../src/command/node.ts";
import { keptIn } from "./harmless.ts";
import { proveExamples, proveForbidden, proveInvalid, proveValid, type Subject } from "./parity.ts";
import { caller, owner } from "./sample-node.ts";

const directory = mkdtempSync(join(tmpdir(), "op-"));
const node = await startNode({ directory, settings: ["http.port=0"], background: true });
afterAll(async () => {
  await node.stop();
  rmSync(directory, { recursive: true });
});

const { view } = node.kernel;
const files = join(directory, "files");
mkdirSync(files);
const subject: Subject = { view, caller, owner, numRuns: 12, harmless: keptIn(files), failing: new Set() };
const operations = [...view.table.values()];

test("every example runs, gives what it says, and gives it through every door", async () => {
  for (const operation of operations) await proveExamples(subject, operation);
}, 60_000);

test("an operation that reads one value gives the same through every door, for every valid input", async () => {
  const reading = operations.filter(
    ({ effect, gives, takes }) => effect === "read" && gives === "value" && takes === "nothing",
  );
  for (const operation of reading) await proveValid(subject, operation);
}, 120_000);

test("an invalid input is refused through every door, whatever the operation would do", async () => {
  for (const operation of operations) await proveInvalid(subject, operation);
}, 120_000);

test("a missing permission is refused through every door, whatever the operation would do", async () => {
  for (const operation of operations.filter((one) => one.needs.length + one.needsOneOf.length > 0))
    await proveForbidden(subject, operation);
}, 120_000);
