import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { textRows } from "./text-rows.ts";

const listed = v.array(v.array(v.string()));

test("law: it takes what a list of lists of texts is, and nothing else", () => {
  const nearly = fc.array(fc.oneof(fc.array(fc.oneof(fc.string(), fc.jsonValue())), fc.jsonValue()));
  const rows = fc.array(fc.array(fc.string()));
  fc.assert(
    fc.property(fc.oneof(rows, nearly, fc.anything()), (value) => {
      assert.equal(v.is(textRows, value), v.is(listed, value));
    }),
  );
  // A hole is no text.
  assert.equal(v.is(textRows, [new Array(1)]), false);
});
