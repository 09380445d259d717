import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { sampleKernel } from "../../tests/surface/sample-node.ts";
import { errorCodes } from "../kernel/error.ts";
import { type Operation, operationsOf } from "../kernel/operation.ts";
import { openApiDocument } from "./openapi.ts";

type Json = Record<string, unknown>;

const { view } = await sampleKernel();
const document = openApiDocument(view.table, { version: "1.2.3" });

/** Every object in a JSON value. */
function* objectsIn(value: unknown): Generator<Json> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield value as Json;
  for (const inner of Object.values(value)) yield* objectsIn(inner);
}

function at(pointer: string): unknown {
  const steps = pointer.slice(2).split("/");
  return steps.reduce<unknown>((value, step) => (value as Json | undefined)?.[step], document);
}

function operationAt(path: string, method: string): Json {
  const found = (document.paths as Record<string, Record<string, Json>>)[path]?.[method];
  return found ?? assert.fail(`${method} ${path} is not in the document`);
}

test("every reference leads somewhere", () => {
  for (const { $ref } of objectsIn(document)) {
    if (typeof $ref === "string") assert.ok(at($ref), $ref);
  }
});

test("the same table gives the same bytes", async () => {
  const again = openApiDocument((await sampleKernel()).view.table, { version: "1.2.3" });
  assert.equal(JSON.stringify(again), JSON.stringify(document));
});

test("exactly the operations on HTTP are in it, each under names of its own", () => {
  const shown = [...view.table.values()]
    .filter(({ surfaces }) => surfaces.includes("http"))
    .map(({ id }) => id);
  const paths = Object.keys(document.paths as Json).map((path) =>
    path.slice("/v1/".length).replace("/", "."),
  );
  assert.deepEqual(paths, shown);
  const ids = [...objectsIn(document.paths)]
    .map(({ operationId }) => operationId)
    .filter((id) => id !== undefined);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(!paths.includes("sample.far"));
});

test("all error codes are in it, each with its status and its code", () => {
  for (const [code, { http }] of Object.entries(errorCodes)) {
    const response = at(`#/components/responses/${code}`);
    assert.match(
      JSON.stringify(response),
      new RegExp(`"status":\\{"const":${http}\\},"code":\\{"const":"${code}"\\}`),
    );
  }
  assert.ok((operationAt("/v1/sample/refuse", "get").responses as Json)["412"]);
});

test("the query says how each kind of input is written", () => {
  const { parameters } = operationAt("/v1/sample/echo", "get");
  const named = new Map((parameters as Json[]).map((parameter) => [parameter.name, parameter]));
  assert.equal(named.get("text")?.required, true);
  assert.equal(named.get("text")?.description, "Any text");
  assert.equal(named.get("names")?.explode, true);
  assert.match(JSON.stringify(named.get("filter:json")), /"content":\{"application\/json":/);
  assert.ok(named.has("node"));
});

test("bytes, items and messages are told as they travel", () => {
  const upload = operationAt("/v1/sample/store", "post").requestBody as { content: Json };
  assert.deepEqual(Object.keys(upload.content), ["application/json", "application/octet-stream"]);
  const items = (operationAt("/v1/sample/count", "post").responses as Record<string, { content: Json }>)[
    "200"
  ];
  assert.deepEqual(Object.keys(items?.content ?? {}), [
    "text/event-stream",
    "application/x-ndjson",
    "application/json",
  ]);
  assert.ok((operationAt("/v1/sample/file", "get").responses as Json)["206"]);
  assert.ok(operationAt("/v1/sample/chat", "get")["x-operone-messages"]);
});

test("a schema that refers to itself keeps its root", () => {
  interface Tree {
    readonly children: readonly Tree[];
  }
  const Tree: v.GenericSchema<Tree> = v.object({ children: v.array(v.lazy(() => Tree)) });
  const made = openApiDocument(tableOf(v.strictObject({ tree: Tree })), { version: "1" });
  const schemas = (made.components as Json).schemas as Record<string, Json>;
  assert.equal(schemas["a.b.input"]?.$id, "urn:operone:schema:a.b:input");
});

test("a schema that cannot be written is an error, not a hole in the document", () => {
  const input = v.strictObject({ at: v.custom<Date>((value) => value instanceof Date) });
  assert.throws(() => openApiDocument(tableOf(input), { version: "1" }));
});

function tableOf(input: v.GenericSchema): ReadonlyMap<string, Operation> {
  const op = operationsOf<unknown>("a");
  const one = op({
    name: "b",
    summary: "B",
    effect: "read",
    needs: [],
    input,
    output: v.null(),
    run: () => null,
  });
  return new Map([[one.id, one]]);
}
