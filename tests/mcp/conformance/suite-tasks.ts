/** The long tools of the official conformance suite: each is called so that its module and its name make the tool's. */
import * as v from "valibot";
import { OperoneError } from "../../../src/kernel/error.ts";
import { defineModule, type Module } from "../../../src/kernel/module.ts";
import {
  type AgentContent,
  type CallContext,
  operationsOf,
  type Schema,
} from "../../../src/kernel/operation.ts";
import type { Question } from "../../../src/kernel/question.ts";

/** Longer than a node waits before it makes a task of a call. */
const longMs = 700;

/** Until then, or until nobody wants it any more. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}

function long<I extends Schema>(
  id: string,
  name: string,
  input: I,
  run: (input: v.InferOutput<I>, context: CallContext) => Promise<string>,
): Module {
  const operation = operationsOf<null>(id)({
    name,
    summary: "Take long",
    effect: "write",
    needs: [],
    surfaces: ["mcp"],
    deadlineMs: 0,
    input,
    output: v.string(),
    mcp: { content: (text: string): readonly AgentContent[] => [{ type: "text", text }] },
    run: (_state, given, context) => run(given, context),
  });
  return defineModule({
    id,
    summary: "Takes long",
    config: v.strictObject({}),
    permissions: {},
    requires: {},
    provides: {},
    operations: [operation],
    start: () => ({ state: null, services: {} }),
  });
}

const described = <S extends Schema>(schema: S) => v.optional(v.pipe(schema, v.description("For testing")));
const nothing = v.strictObject({});
const confirm: Question = {
  ask: "form",
  message: "Really?",
  fields: { confirm: { type: "boolean" } },
  required: ["confirm"],
};

export const taskModules: readonly Module[] = [
  long(
    "slow",
    "compute",
    v.strictObject({ seconds: described(v.number()), label: described(v.string()) }),
    async ({ seconds = 0, label = "" }, { signal, progress }) => {
      progress({ done: 0, note: "computing" });
      await pause(seconds * 1_000, signal);
      return `Computed ${label} for ${seconds} s`;
    },
  ),
  long("failing", "job", nothing, async (_input, { signal }) => {
    await pause(longMs, signal);
    throw new OperoneError("conflict", "This job always fails");
  }),
  long("protocol", "error-job", nothing, async (_input, { signal }) => {
    await pause(longMs, signal);
    throw new Error("A defect");
  }),
  long("confirm", "delete", v.strictObject({ filename: described(v.string()) }), async (_input, context) => {
    await pause(longMs, context.signal);
    return JSON.stringify(await context.asker.ask({ confirm }));
  }),
  long("multi", "input", nothing, async (_input, { signal, asker }) => {
    await pause(longMs, signal);
    return JSON.stringify(await asker.ask({ first: confirm, second: { ...confirm, message: "Surely?" } }));
  }),
];
