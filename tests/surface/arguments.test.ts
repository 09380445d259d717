import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { operationsOf } from "../../src/kernel/operation.ts";
import { argumentsFromInput, inputOf, parseArguments } from "../../src/surface/arguments.ts";
import { arbitraryOf } from "./arbitrary.ts";

const run = operationsOf<null>("shell")({
  name: "run",
  summary: "Run",
  effect: "write",
  needs: [],
  input: v.strictObject({
    place: v.string(),
    argv: v.array(v.string()),
    workDirectory: v.optional(v.string()),
    deep: v.optional(v.nullable(v.boolean())),
    environment: v.optional(v.record(v.string(), v.string())),
    timeoutMs: v.nullish(v.number()),
    filter: v.optional(v.strictObject({ name: v.string() })),
    nodes: v.optional(v.union([v.literal("*"), v.array(v.string())])),
  }),
  output: v.unknown(),
  cli: { positional: ["place", "argv"] },
  run: () => null,
});

const readBack = (input: Record<string, unknown>) => {
  const parsed = parseArguments(run, "operone shell run", argumentsFromInput(run, input));
  const whole = parsed.given.get("input");
  return inputOf(run, parsed, whole === undefined ? undefined : JSON.parse(whole));
};

test("every valid input survives the way through a command line and back", () => {
  fc.assert(
    fc.property(arbitraryOf(run.input), (input) => {
      assert.deepEqual(readBack(input as Record<string, unknown>), input);
    }),
    { numRuns: 500 },
  );
});

test("so does an invalid one, so that the node is who refuses it", () => {
  const keys = fc.oneof(fc.constantFrom("place", "argv", "deep", "workDirectory", "unknown"), fc.string());
  const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)));
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, json), { maxLength: 5 }), (pairs) => {
      const input = Object.fromEntries(pairs);
      assert.deepEqual(readBack(input), input);
    }),
    { numRuns: 500 },
  );
});
