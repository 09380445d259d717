import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { jsonSchemaOf } from "./schema.ts";
import { flatText, schemaText } from "./schema-text.ts";

const text = (schema: v.GenericSchema) => schemaText(jsonSchemaOf(schema, "output"));

test("a short schema stands on one line", () => {
  const cases: readonly (readonly [v.GenericSchema, string])[] = [
    [v.strictObject({}), "{}"],
    [v.strictObject({ id: v.string(), age: v.optional(v.number()) }), "{ id: string, age?: number }"],
    [v.picklist(["a", "b"]), '"a" | "b"'],
    [v.literal(true), "true"],
    [v.nullable(v.string()), "string | null"],
    [v.array(v.picklist(["a", "b"])), '("a" | "b")[]'],
    [v.array(v.union([v.strictObject({}), v.null()])), "({} | null)[]"],
    [v.array(v.strictObject({ a: v.nullable(v.number()) })), "{ a: number | null }[]"],
    [v.record(v.string(), v.boolean()), "{ [name]: boolean }"],
    [v.pipe(v.number(), v.integer(), v.minValue(1)), "integer from 1"],
    [v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(9)), "integer from 0 to 9"],
    [v.pipe(v.number(), v.maxValue(9)), "number to 9"],
    [v.unknown(), "any JSON"],
  ];
  for (const [schema, expected] of cases) assert.equal(text(schema), expected);
});

test("a long one has a line for each property and each alternative", () => {
  const long = v.strictObject({
    text: v.string(),
    name: v.literal("a name so long that two of these can never stand on one line"),
  });
  const either = v.union([long, v.strictObject({ no: v.null() })]);
  assert.equal(
    text(v.array(v.strictObject({ one: long, other: either, many: v.array(either) }))),
    `{
  one: { text: string, name: "a name so long that two of these can never stand on one line" },
  other:
    | { text: string, name: "a name so long that two of these can never stand on one line" }
    | { no: null },
  many: (
    | { text: string, name: "a name so long that two of these can never stand on one line" }
    | { no: null }
  )[],
}[]`,
  );
});

test("a line can be asked for, however long", () => {
  const long = v.strictObject(
    Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`p${at}`, v.null()])),
  );
  assert.ok(!flatText(jsonSchemaOf(long, "output")).includes("\n"));
});
