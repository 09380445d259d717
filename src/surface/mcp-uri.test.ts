import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Resource } from "../kernel/resource.ts";
import { hasVariables, located, templateOf, uriOf } from "./mcp-uri.ts";

const resource = (uri: string): Resource => ({
  ...{ uri, name: uri, title: "", description: "" },
  read: { operation: "a.b", input: () => ({}) },
});
const all = [
  "/files{+path}",
  "/processes/{id}/output",
  "/status",
  "test://fixed",
  "test://one/{id}/data",
].map(resource);
const [files, processes] = all;

test("a URI that is made is taken apart to what it was made of", () => {
  if (files === undefined || processes === undefined) throw new Error("no resource");
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("pi", "my-laptop", undefined),
      (text, node) => {
        const path = `/${text}`;
        assert.deepEqual(located(all, uriOf(files, node, { path })), {
          resource: files,
          node,
          variables: { path },
        });
        const id = text;
        assert.deepEqual(located(all, uriOf(processes, node, { id })), {
          ...{ resource: processes, node },
          variables: { id },
        });
      },
    ),
  );
});

test("URIs are read as their templates say", () => {
  const found = (uri: string) => {
    const { resource: one, node, variables } = located(all, uri) ?? {};
    return one === undefined ? undefined : [one.uri, node, variables];
  };
  assert.deepEqual(found("operone://pi/files/a%20b/c"), ["/files{+path}", "pi", { path: "/a b/c" }]);
  assert.deepEqual(found("operone://here/status"), ["/status", undefined, {}]);
  assert.deepEqual(found("test://one/x/data"), ["test://one/{id}/data", undefined, { id: "x" }]);
  assert.deepEqual(found("test://fixed"), ["test://fixed", undefined, {}]);
  for (const wrong of [
    ...[
      "operone://pi",
      "operone:///status",
      "operone://pi/status/",
      "operone://pi/files/%zz",
      "test://fixedX",
    ],
    ...["test://one/a/b/data", "http://pi/status", `operone://pi/files/${"a".repeat(10_000)}`],
  ])
    assert.equal(found(wrong), undefined, wrong);
});

test("templates name the node where there is a choice", () => {
  assert.deepEqual(all.map(templateOf), [
    ...["operone://{node}/files{+path}", "operone://{node}/processes/{id}/output", "operone://{node}/status"],
    ...["test://fixed", "test://one/{id}/data"],
  ]);
  assert.deepEqual(all.map(hasVariables), [true, true, false, false, true]);
});
