import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { type Operation, operationsOf, type Schema } from "../../src/kernel/operation.ts";
import { inputFromStrings, isFlat, stringsFromInput } from "../../src/surface/schema.ts";
import { arbitraryOf } from "./arbitrary.ts";

const withInput = (input: Schema): Operation<null> =>
  operationsOf<null>("sample")({
    name: "x",
    summary: "X",
    effect: "read",
    needs: [],
    input,
    output: v.unknown(),
    run: () => null,
  });

const everything = withInput(
  v.strictObject({
    text: v.string(),
    word: v.pipe(v.string(), v.regex(/^[a-z]{1,8}$/)),
    maybe: v.nullable(v.string()),
    count: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 1),
    ratio: v.nullish(v.number()),
    deep: v.boolean(),
    level: v.nullable(v.picklist(["info", "null", "5"])),
    size: v.union([v.literal("auto"), v.number(), v.boolean()]),
    mixed: v.union([v.number(), v.string(), v.array(v.union([v.string(), v.null()]))]),
    nodes: v.union([v.literal("*"), v.array(v.string())]),
    numbers: v.optional(v.array(v.number())),
    environment: v.record(v.string(), v.string()),
    limits: v.optional(v.record(v.string(), v.nullable(v.number()))),
  }),
);

test("every valid input survives the way through strings and back", () => {
  assert.equal(isFlat(everything), true);
  fc.assert(
    fc.property(arbitraryOf(everything.input), (input) => {
      const strings = stringsFromInput(everything, input as Record<string, unknown>);
      assert.deepEqual(inputFromStrings(everything, strings), input);
    }),
    { numRuns: 500 },
  );
});

test("even an invalid or nested input survives it, so that every surface refuses the same value", () => {
  const keys = fc.oneof(
    fc.constantFrom("text", "count", "nodes", "environment", "text:json", "__proto__"),
    fc.string(),
  );
  const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)));
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, json), { maxLength: 5 }), (pairs) => {
      const input = Object.fromEntries(pairs);
      assert.deepEqual(inputFromStrings(everything, stringsFromInput(everything, input)), input);
    }),
    { numRuns: 500 },
  );
});
