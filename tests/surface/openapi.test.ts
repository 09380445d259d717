/**
 * The API document of the modules in the binary, kept as a file: a change of any door is seen in a review. After a
 * change that is meant: `UPDATE_GOLDEN=1 bun test tests/surface/openapi.test.ts`.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { operationTable, permissionsOf } from "../../src/kernel/graph.ts";
import { modules } from "../../src/modules.ts";
import { openApiDocument } from "../../src/surface/openapi.ts";

const golden = Bun.file(join(import.meta.dir, "openapi.json"));
// Not the version of the program: a release changes no operation.
const document = openApiDocument(operationTable(modules, permissionsOf(modules)), { version: "0.0.0" });

test("the document of the modules in the binary is the one that was reviewed", async () => {
  const made = `${JSON.stringify(document, null, 2)}\n`;
  if (process.env.UPDATE_GOLDEN === "1") await golden.write(made);
  expect(made).toBe(await golden.text());
});

test("the document is valid OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});
