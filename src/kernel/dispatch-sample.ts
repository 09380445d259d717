/** Operations of every shape, and a dispatcher over simulated ports, for the tests of the dispatcher. */
import assert from "node:assert/strict";
import * as v from "valibot";
import type { Grant, Permission } from "./authority.ts";
import type { Answer, Call } from "./call.ts";
import { createDispatcher, type DispatcherOptions, type Runnable } from "./dispatch.ts";
import { OperoneError } from "./error.ts";
import { type Operation, operationsOf } from "./operation.ts";
import { simulatedClock, simulatedJournal, simulatedLog, simulatedRandom } from "./simulated.ts";

const define = operationsOf<unknown>("t");
const input = v.strictObject({ word: v.optional(v.string(), "hi") });
const output = v.string();
const base = { summary: "x", needs: ["t.use"], input, output, scope: () => [{ permission: "t.use" }] };

function never(): Promise<never> {
  return new Promise(() => {});
}

/** What the handlers below have seen. */
export const seen: { signal: AbortSignal | undefined } = { signal: undefined };
const operations: readonly Operation[] = [
  define({ ...base, name: "echo", effect: "read", run: (_, { word }) => word }),
  define({
    ...base,
    name: "named",
    effect: "read",
    input: v.strictObject({ name: v.string() }),
    run: (_, { name }) => name,
  }),
  define({
    ...base,
    name: "either",
    effect: "read",
    needs: [],
    needsOneOf: ["t.use", "t.more"],
    scope: ({ word }) => [{ permission: word === "more" ? "t.more" : "t.use" }],
    run: (_, { word }) => word,
  }),
  define({ ...base, name: "save", effect: "write", run: (_, { word }) => word }),
  define({ ...base, name: "kill", effect: "destroy", run: (_, { word }) => word }),
  define({
    ...base,
    name: "passes-on",
    effect: "read",
    surfaces: ["http", "mesh"],
    input: v.strictObject({ operation: v.string(), to: v.optional(v.string()) }),
    run: async (_, { operation, to }, context) => {
      const onward = { operation: `t.${operation}`, input: {}, ...(to === undefined ? {} : { node: to }) };
      const answer = await context.call(onward);
      return answer.gives === "value" ? String(answer.value) : answer.gives;
    },
  }),
  define({ ...base, name: "hidden", effect: "read", surfaces: ["cli"], run: () => "x" }),
  define({ ...base, name: "far", effect: "read", surfaces: ["http", "mesh"], run: () => "from here" }),
  define({ ...base, name: "far-save", effect: "write", surfaces: ["mesh"], run: (_, { word }) => word }),
  define({
    ...base,
    name: "far-items",
    effect: "read",
    surfaces: ["http", "mesh"],
    gives: "items",
    run: async function* () {
      yield "here";
    },
  }),
  define({
    ...base,
    name: "throws",
    effect: "write",
    run: () => {
      throw new Error("secret /path");
    },
  }),
  define({ ...base, name: "lies", effect: "read", run: () => 1 as never }),
  define({
    ...base,
    name: "hangs",
    effect: "write",
    deadlineMs: 1_000,
    run: (_, __, { signal }) => {
      seen.signal = signal;
      return never();
    },
  }),
  define({
    ...base,
    name: "count",
    effect: "read",
    gives: "items",
    run: async function* () {
      yield "1";
      yield "2";
    },
  }),
  define({
    ...base,
    name: "forever",
    effect: "write",
    gives: "items",
    run: async function* (_, __, { signal }) {
      seen.signal = signal;
      for (;;) yield "x";
    },
  }),
  define({
    ...base,
    name: "silent",
    effect: "read",
    gives: "items",
    run: async function* () {
      yield await never();
    },
  }),
  define({
    ...base,
    name: "fails-early",
    effect: "write",
    gives: "items",
    run: async function* () {
      yield await Promise.reject(new OperoneError("conflict", "early"));
    },
  }),
  define({
    ...base,
    name: "fails-late",
    effect: "write",
    gives: "items",
    run: async function* () {
      yield "1";
      throw new Error("late");
    },
  }),
  define({
    ...base,
    name: "bytes",
    effect: "read",
    gives: "bytes",
    run: () => ({
      mediaType: "text/plain",
      open: async function* () {
        yield new Uint8Array([1]);
      },
    }),
  }),
  define({
    ...base,
    name: "talk",
    effect: "read",
    gives: "items",
    takes: "messages",
    message: v.number(),
    run: async function* (_, __, { messages }) {
      for await (const n of messages) yield String(n);
    },
  }),
  define({
    ...base,
    name: "far-bytes",
    effect: "read",
    surfaces: ["http", "mesh"],
    gives: "bytes",
    run: () => assert.fail("it ran here"),
  }),
  define({
    ...base,
    name: "far-talk",
    effect: "read",
    surfaces: ["http", "mesh"],
    gives: "items",
    takes: "messages",
    message: v.number(),
    run: () => assert.fail("it ran here"),
  }),
];

const permissions = new Map<string, Permission>([
  ["t.use", { summary: "Use", covers: () => true }],
  ["t.more", { summary: "Use more", covers: () => true }],
]);

export function setUp(more: Partial<DispatcherOptions> = {}) {
  const clock = simulatedClock();
  const log = simulatedLog();
  const journal = simulatedJournal();
  const module: Runnable = { state: undefined, status: "ready", ready: Promise.resolve() };
  const dispatcher = createDispatcher({
    table: new Map(operations.map((operation) => [operation.id, operation])),
    permissions,
    clock,
    log,
    random: simulatedRandom(1),
    nodeNames: new Set(["pi"]),
    module: () => module,
    policy: () => undefined,
    journal: () => journal,
    router: () => undefined,
    ...more,
  });
  const call = (
    operation: string,
    options: Partial<Call> & { grants?: readonly Grant[] } = {},
  ): Promise<Answer> =>
    dispatcher.call({
      surface: "http",
      operation: `t.${operation}`,
      input: {},
      caller: { kind: "token", id: "1", name: "ci" },
      sets: [
        {
          holder: "token ci",
          owner: false,
          grants: options.grants ?? [{ permission: "t.use", scope: "*", decision: "allow" }],
        },
      ],
      signal: new AbortController().signal,
      ...options,
    });
  return { clock, log, journal, dispatcher, call };
}

export async function collect(answer: Answer): Promise<unknown[]> {
  assert.equal(answer.gives, "items");
  return answer.gives === "items" ? Array.fromAsync(answer.items) : [];
}
