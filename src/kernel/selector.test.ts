import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OperoneError } from "./error.ts";
import { hasLabels, parseSelector, selectsMany } from "./selector.ts";

test("a selector is a name, any, all, or labels", () => {
  assert.deepEqual(parseSelector("pi"), { kind: "one", name: "pi" });
  assert.deepEqual(parseSelector("any"), { kind: "any", labels: {} });
  assert.deepEqual(parseSelector("any:gpu=true,os=linux"), {
    kind: "any",
    labels: { gpu: "true", os: "linux" },
  });
  assert.deepEqual(parseSelector("all"), { kind: "many", labels: {} });
  assert.deepEqual(parseSelector("gpu=true"), { kind: "many", labels: { gpu: "true" } });
});

test("what selects nothing is refused, with its text", () => {
  for (const text of [
    "",
    "a b",
    "gpu=",
    "=true",
    "any:",
    "any:gpu",
    "a=b=c",
    `${"x".repeat(257)}`,
    "x\u0000",
  ]) {
    assert.throws(() => parseSelector(text), { code: "invalid_input" });
  }
});

test("whether it means many is known by its form, for every selector that can be parsed", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        assert.equal(selectsMany(text), parseSelector(text).kind === "many");
      } catch (error) {
        assert.ok(error instanceof OperoneError);
      }
    }),
  );
});

test("a node has the labels when it has each with that value, and inherited names are none", () => {
  assert.equal(hasLabels({ gpu: "true", os: "linux" }, { gpu: "true" }), true);
  assert.equal(hasLabels({ gpu: "false" }, { gpu: "true" }), false);
  assert.equal(hasLabels({}, { constructor: "x" }), false);
  assert.equal(hasLabels({}, {}), true);
});
