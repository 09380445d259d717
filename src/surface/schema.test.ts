import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";
import { operationsOf, type Schema } from "../kernel/operation.ts";
import { inputFromStrings, isFlat, jsonSchemaOf, stringsFromInput } from "./schema.ts";

const withInput = (input: Schema) =>
  operationsOf<null>("sample")({
    name: "read",
    summary: "Sample",
    effect: "read",
    needs: [],
    input,
    output: v.unknown(),
    run: () => null,
  });

const sample = withInput(
  v.strictObject({
    path: v.optional(v.string()),
    count: v.optional(v.pipe(v.number(), v.integer()), 3),
    deep: v.optional(v.boolean(), false),
    level: v.optional(v.picklist(["info", "warn"])),
    size: v.optional(v.union([v.literal("auto"), v.number()])),
    label: v.nullish(v.string()),
    mixed: v.optional(v.union([v.number(), v.null(), v.string()])),
    limit: v.nullish(v.number()),
    paths: v.optional(v.array(v.string())),
    nodes: v.optional(v.union([v.literal("*"), v.array(v.string())])),
    environment: v.optional(v.record(v.string(), v.string())),
    filter: v.optional(v.strictObject({ name: v.string() })),
    trimmed: v.optional(
      v.pipe(
        v.string(),
        v.transform((text) => text.length),
      ),
    ),
  }),
);

test("strings become the types that the schema names", () => {
  assert.deepEqual(
    inputFromStrings(sample, [
      ["path", "5"],
      ["count", "5"],
      ["deep", "true"],
      ["level", "warn"],
      ["size", "auto"],
      ["limit", "null"],
      ["paths", "a"],
      ["paths", "b"],
      ["nodes", "*"],
      ["environment", "A=1"],
      ["environment", "B=x=y"],
      ["filter", '{"name":"n"}'],
      ["trimmed", "12"],
    ]),
    {
      path: "5",
      count: 5,
      deep: true,
      level: "warn",
      size: "auto",
      limit: null,
      paths: ["a", "b"],
      nodes: "*",
      environment: { A: "1", B: "x=y" },
      filter: { name: "n" },
      trimmed: "12",
    },
  );
});

test("a text that does not convert stays a string, so that validation quotes it", () => {
  const pairs: [string, string][] = [
    ["count", "0x10"],
    ["deep", "yes"],
    ["level", "loud"],
    ["environment", "NOVALUE"],
    ["filter", "{"],
  ];
  assert.deepEqual(inputFromStrings(sample, pairs), Object.fromEntries(pairs));
  assert.deepEqual(inputFromStrings(sample, [["count", "1e999"]]), { count: "1e999" });
});

test("a scalar that is given twice is left as a list, so that validation refuses it", () => {
  assert.deepEqual(
    inputFromStrings(sample, [
      ["path", "a"],
      ["path", "b"],
    ]),
    { path: ["a", "b"] },
  );
});

test("an unknown name is kept, also one of Object's own", () => {
  const input = inputFromStrings(sample, [
    ["pahts", "a"],
    ["__proto__", "x"],
    ["toString", "y"],
  ]);
  assert.deepEqual(Object.entries(input), [
    ["pahts", "a"],
    ["__proto__", "x"],
    ["toString", "y"],
  ]);
  assert.equal(Object.getPrototypeOf(input), Object.prototype);
});

test("where a string is allowed a text stays a string whatever it looks like", () => {
  assert.deepEqual(inputFromStrings(sample, [["label", "null"]]), { label: "null" });
  assert.deepEqual(inputFromStrings(sample, [["mixed", "5"]]), { mixed: "5" });
  assert.deepEqual(inputFromStrings(sample, [["mixed:json", "5"]]), { mixed: 5 });
  assert.deepEqual(inputFromStrings(sample, [["paths", '["a","b"]']]), { paths: ['["a","b"]'] });
});

test("NAME:json takes the whole value as JSON text", () => {
  const pairs: [string, string][] = [
    ["label:json", "null"],
    ["paths:json", "[]"],
    ["nodes:json", '["*"]'],
  ];
  assert.deepEqual(inputFromStrings(sample, pairs), { label: null, paths: [], nodes: ["*"] });
  assert.deepEqual(stringsFromInput(sample, { label: null, paths: [], nodes: ["*"] }), pairs);
});

test("NAME:json that is no JSON, or does not stand alone, is refused by name", () => {
  const refused = (pairs: [string, string][]) =>
    assert.throws(
      () => inputFromStrings(sample, pairs),
      (error) =>
        error instanceof OperoneError && error.code === "invalid_input" && error.message.includes("label"),
    );
  refused([["label:json", "nope"]]);
  refused([
    ["label:json", "1"],
    ["label:json", "2"],
  ]);
  refused([
    ["label:json", "1"],
    ["label", "2"],
  ]);
});

test("scalars and lists and records of scalars are flat; nested objects are not", () => {
  assert.equal(isFlat(sample), false);
  assert.equal(isFlat(withInput(v.strictObject({ a: v.optional(v.array(v.nullable(v.number()))) }))), true);
  assert.equal(isFlat(withInput(v.strictObject({ a: v.record(v.string(), v.picklist(["x", "y"])) }))), true);
  assert.equal(isFlat(withInput(v.strictObject({ a: v.array(v.array(v.string())) }))), false);
  assert.equal(isFlat(withInput(v.strictObject({ a: v.unknown() }))), false);
});

test("a JSON Schema keeps descriptions and defaults, leaves refinements out and is made once", () => {
  const schema = v.strictObject({
    name: v.pipe(
      v.string(),
      v.trim(),
      v.check((text) => text !== "."),
      v.description("A name"),
    ),
    count: v.optional(v.number(), 3),
  });
  const made = jsonSchemaOf(schema, "input");
  assert.deepEqual(made, {
    type: "object",
    properties: { name: { type: "string", description: "A name" }, count: { type: "number", default: 3 } },
    required: ["name"],
    additionalProperties: false,
  });
  assert.equal(jsonSchemaOf(schema, "input"), made);
});

test("a schema without a JSON Schema is refused", () => {
  assert.throws(() => jsonSchemaOf(v.strictObject({ at: v.date() }), "input"), /date/);
});
