/**
 * The API document of the modules in the binary is kept beside this file, so that a change of any door is seen in a
 * review. tests/docs.test.ts compares it; `bun scripts/docs.ts` writes it.
 */
import { expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import golden from "./openapi.json" with { type: "json" };

test("the document is valid OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(golden);
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});
