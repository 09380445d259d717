import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as v from "valibot";
import { ByteText } from "../kernel/byte-text.ts";
import { type Operation, operationsOf } from "../kernel/operation.ts";
import { mcpLimits } from "./mcp-limits.ts";
import { toolResult } from "./mcp-result.ts";

const op = operationsOf<null>("t");
const base = { summary: "x", needs: [], input: v.strictObject({}) } as const;
const lines = op({
  ...base,
  name: "lines",
  effect: "write",
  gives: "items",
  output: v.unknown(),
  cli: { render: (item) => ({ stdout: new ByteText(Buffer.from(String(item)), "utf8") }) },
  run: async function* () {},
});
const value = op({ ...base, name: "value", effect: "read", output: v.unknown(), run: () => null });

async function* each(items: readonly unknown[]) {
  yield* items;
}

const items = (operation: Operation, given: readonly unknown[], many = false, limits = mcpLimits) =>
  toolResult(
    { operation, many, limits, front: undefined },
    { gives: "items", callId: "", items: each(given) },
  );

describe("the result of a tool", () => {
  test("has a part for each of many nodes, failures too", async () => {
    const error = { code: "unavailable", message: "It is off" };
    const { content, structuredContent } = await items(
      value,
      [
        { node: "a", value: { x: 1 } },
        { node: "b", error },
      ],
      true,
    );
    assert.deepEqual(content, [{ type: "text", text: "[a] x: 1\n[b] It is off (unavailable)\n" }]);
    assert.deepEqual(structuredContent, {
      items: [
        { node: "a", value: { x: 1 } },
        { node: "b", error },
      ],
    });
  });

  test("has the first and the last of what is too much, each cut where it alone is too long", async () => {
    const limits = { ...mcpLimits, answerBytesMax: 100, lastItemsMax: 2 };
    const { content, structuredContent } = await items(
      lines,
      ["a\n", "b".repeat(200), "c\n", "d\n"],
      false,
      limits,
    );
    assert.deepEqual(structuredContent, { items: ["a\n", "c\n", "d\n"], leftOut: 1 });
    assert.match(JSON.stringify(content), /1 pieces in between are left out/);
    const one = await items(lines, ["b".repeat(200)], false, limits);
    assert.deepEqual(one.structuredContent, { items: [], leftOut: 1 });
    assert.match(JSON.stringify(one.content), /b{50}/);
  });

  test("of nothing says so", async () => {
    assert.deepEqual((await items(value, [])).content, [{ type: "text", text: "Nothing was found" }]);
    const nothing = { gives: "value", callId: "", value: null } as const;
    const result = await toolResult(
      { operation: value, many: false, limits: mcpLimits, front: undefined },
      nothing,
    );
    assert.deepEqual(result, {
      content: [{ type: "text", text: "Done" }],
      structuredContent: { value: null },
    });
  });
});
