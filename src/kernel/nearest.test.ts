import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { editDistance, nearest } from "./nearest.ts";

test("a slip of the finger finds its word", () => {
  assert.equal(nearest("prot", ["host", "port", "path"]), "port");
  assert.equal(nearest("STATUS", ["status"]), "status");
  assert.equal(nearest("shel", ["shell", "help"]), "shell");
});

test("a word that is far from all suggests nothing", () => {
  assert.equal(nearest("banana", ["port", "host"]), undefined);
  assert.equal(nearest("a", []), undefined);
});

test("the distance is symmetric, and zero only for equal words", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      assert.equal(editDistance(a, b), editDistance(b, a));
      assert.equal(editDistance(a, b) === 0, a === b);
    }),
  );
});
