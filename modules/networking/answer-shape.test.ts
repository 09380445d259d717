import { expect, test } from "bun:test";
import * as v from "valibot";
import { operationsOf } from "../../src/kernel/operation.ts";
import { checkedAnswer } from "./answer-shape.ts";

const op = operationsOf<unknown>("t");
const base = { summary: "x", effect: "read", needs: [], input: v.strictObject({}) } as const;
const output = v.strictObject({
  nodes: v.array(v.strictObject({ name: v.string() })),
  one: v.optional(v.union([v.strictObject({ a: v.number() }), v.string()])),
});
const value = op({ ...base, name: "value", output, run: () => ({ nodes: [] }) });
const items = op({ ...base, name: "items", gives: "items", output, run: async function* () {} });
const answered = (given: unknown) =>
  checkedAnswer({ gives: "value", callId: "c", value: given }, value as never, "pi");

test("what a node answers in another shape than the operation has is that node's failure", () => {
  for (const wrong of [
    undefined,
    null,
    7,
    "text",
    [],
    {},
    { nodes: 5 },
    { nodes: [{ name: {} }] },
    { nodes: [], one: {} },
  ])
    expect(() => answered(wrong)).toThrow(
      /The node pi answered "t.value" with what this version cannot read/,
    );
});

test("fields that only a newer version knows pass, at every depth", () => {
  const newer = { nodes: [{ name: "a", height: 3 }], one: { a: 1, b: 2 }, more: [] };
  expect(answered(newer)).toMatchObject({ value: newer });
});

test("a wrong item ends the items with the failure, after those that came before", async () => {
  async function* given() {
    yield { nodes: [] };
    yield { nodes: "x" };
  }
  const answer = checkedAnswer({ gives: "items", callId: "c", items: given() }, items as never, "pi");
  const seen: unknown[] = [];
  const reading = (async () => {
    if (answer.gives === "items") for await (const item of answer.items) seen.push(item);
  })();
  expect(await reading.catch((error) => error)).toMatchObject({ code: "internal" });
  expect(seen).toEqual([{ nodes: [] }]);
});

test("an answer of another kind than asked for is refused", () => {
  const wrong = { gives: "items", callId: "c", items: (async function* () {})() } as const;
  expect(() => checkedAnswer(wrong, value as never, "pi")).toThrow("it gives items");
});
