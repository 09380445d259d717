import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { defineModule, type Module, service } from "../kernel/module.ts";
import { operationsOf } from "../kernel/operation.ts";
import { manifestsOf } from "./manifest.ts";

const define = operationsOf<string>("b");
const empty = v.strictObject({});

const module: Module = defineModule({
  id: "b",
  summary: "Second",
  config: v.strictObject({ port: v.optional(v.number(), 1) }),
  permissions: {
    "b.write": {
      summary: "Write",
      scope: v.strictObject({ paths: v.array(v.string()) }),
      warning: "Take care",
    },
    "b.own": { summary: "Own", ownerOnly: true },
  },
  requires: { clock: service<unknown>("port.clock") },
  provides: {},
  operations: [
    define({
      name: "z",
      summary: "Z",
      effect: "read",
      needs: [],
      input: empty,
      output: v.null(),
      run: () => null,
    }),
    define({
      name: "a",
      summary: "A",
      effect: "write",
      needs: ["b.write"],
      input: empty,
      output: v.null(),
      run: () => null,
    }),
  ],
  resources: [
    {
      ...{ uri: "/b/{id}", name: "b", title: "B", description: "Of an id" },
      read: { operation: "b.z", input: () => ({}) },
      list: { operation: "b.z", input: () => ({}), each: () => [] },
      watch: { operation: "b.z", input: () => ({}) },
    },
    {
      ...{ uri: "b://all", name: "all", title: "All", description: "All" },
      read: { operation: "b.z", input: () => ({}) },
    },
  ],
  prompts: [
    {
      ...{ name: "do", title: "Do", description: "Do it", uses: ["b.a"] },
      arguments: [{ name: "what", description: "What", required: true }],
      asks: { sure: { ask: "form", message: "Sure?", fields: {} } },
      messages: () => [],
    },
  ],
  start: () => {
    throw new Error("a manifest is read without running anything");
  },
});

const prompt = {
  name: "do",
  description: "Do it",
  uses: ["b.a"],
  arguments: [{ name: "what", required: true }],
  asks: ["sure"],
};

test("a manifest is data: everything that is declared, in a fixed order, without starting the module", () => {
  const first = defineModule({ ...module, id: "a", operations: [], permissions: {} });
  const [a, b] = manifestsOf([module, first]);
  assert.deepEqual([a?.id, b?.id], ["a", "b"]);
  assert.deepEqual(JSON.parse(JSON.stringify(b)), {
    id: "b",
    summary: "Second",
    required: false,
    requires: ["port.clock"],
    provides: [],
    permissions: [
      { name: "b.own", summary: "Own", ownerOnly: true },
      {
        name: "b.write",
        summary: "Write",
        ownerOnly: false,
        warning: "Take care",
        scope: {
          type: "object",
          properties: { paths: { type: "array", items: { type: "string" } } },
          required: ["paths"],
          additionalProperties: false,
        },
      },
    ],
    operations: [
      {
        id: "b.a",
        summary: "A",
        effect: "write",
        needs: ["b.write"],
        surfaces: ["http", "cli"],
        takes: "nothing",
        gives: "value",
      },
      {
        id: "b.z",
        summary: "Z",
        effect: "read",
        needs: [],
        surfaces: ["http", "cli"],
        takes: "nothing",
        gives: "value",
      },
    ],
    resources: [
      { name: "all", uri: "b://all", description: "All", read: "b.z" },
      { name: "b", uri: "/b/{id}", description: "Of an id", read: "b.z", list: "b.z", watch: "b.z" },
    ],
    prompts: [prompt],
    configuration: {
      type: "object",
      properties: { port: { type: "number", default: 1 } },
      required: [],
      additionalProperties: false,
    },
  });
});
