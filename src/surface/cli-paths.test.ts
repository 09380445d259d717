import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { operationsOf } from "../kernel/operation.ts";
import { typedPaths } from "./cli-paths.ts";

const operation = operationsOf<unknown>("t")({
  name: "move",
  summary: "x",
  effect: "write",
  needs: [],
  input: v.strictObject({ from: v.string(), to: v.optional(v.string()), note: v.optional(v.string()) }),
  output: v.string(),
  cli: { paths: ["from", "to"] },
  run: () => "",
});
const typed = (input: unknown, node?: string) => typedPaths(operation, input, node, "/home/me/work");

test("a path without a slash in front lies where the person is", () => {
  assert.deepEqual(typed({ from: "a.md", to: "../b" }), {
    input: { from: "/home/me/work/a.md", to: "/home/me/b" },
    node: undefined,
  });
  assert.deepEqual(typed({ from: ".", note: "c" }).input, { from: "/home/me/work", note: "c" });
});

test("an absolute path, and one of the home, stay as they are", () => {
  assert.deepEqual(typed({ from: "/a", to: "~/b" }).input, { from: "/a", to: "~/b" });
  assert.deepEqual(typed({ from: "/a" }, "pi"), { input: { from: "/a" }, node: undefined });
});

test("a name and a colon in front name the node", () => {
  assert.deepEqual(typed({ from: "pi:/a", to: "/b" }), { input: { from: "/a", to: "/b" }, node: "pi" });
  assert.deepEqual(typed({ from: "pi:~/a" }, "pi"), { input: { from: "~/a" }, node: "pi" });
  assert.deepEqual(typed({ from: "c:/a" }).input, { from: "/home/me/work/c:/a" });
});

test("a node without a path is refused with what is meant, and never a file here", () => {
  assert.throws(() => typed({ from: "pi:" }), {
    code: "invalid_input",
    message: /write "pi:~\/" for the home/,
  });
  assert.deepEqual(typed({ from: "./pi:" }).input, { from: "/home/me/work/pi:" });
});

test("two nodes in one call, and a path of here on another node, are refused", () => {
  assert.throws(() => typed({ from: "pi:/a", to: "laptop:/b" }), { code: "invalid_input" });
  assert.throws(() => typed({ from: "pi:/a" }, "laptop"), { code: "invalid_input" });
  assert.throws(() => typed({ from: "a" }, "laptop"), { code: "invalid_input" });
  assert.throws(() => typed({ from: "pi:/a", to: "b" }), { code: "invalid_input" });
});

test("where an operation has two places each may name its own node", () => {
  const copy = { ...operation, cli: { places: ["from", "to"] } };
  const placed = (input: unknown, node?: string) => typedPaths(copy, input, node, "/home/me/work");
  assert.deepEqual(placed({ from: "pi:/a", to: "laptop:~/b" }), {
    input: { from: { node: "pi", path: "/a" }, to: { node: "laptop", path: "~/b" } },
    node: undefined,
  });
  assert.deepEqual(placed({ from: "pi:/a", to: "b" }).input, {
    from: { node: "pi", path: "/a" },
    to: "/home/me/work/b",
  });
  assert.throws(() => placed({ from: "pi:/a", to: "b" }, "laptop"), { code: "invalid_input" });
});

test("an input that is no object is left to the operation", () => {
  for (const input of ["x", [], null]) assert.deepEqual(typed(input), { input, node: undefined });
});
