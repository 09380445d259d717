/** Operations that an agent can call, and what has become of the calls. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { operationsOf } from "../../src/kernel/operation.ts";

export interface Probed {
  started: number;
  /** Calls whose signal was aborted while they ran. */
  ended: number;
  /** Of the texts that it gave. */
  bytes: number;
  /** Inputs of what must not be reached. */
  readonly reached: string[];
}

const surfaces = ["http", "cli", "mcp"] as const;

const op = operationsOf<Probed>("probe");
const nothing = v.strictObject({});
const base = { needs: ["probe.use"], surfaces, input: nothing } as const;
const hang = op({
  ...base,
  name: "hang",
  summary: "Wait until the caller goes",
  effect: "write",
  output: v.null(),
  deadlineMs: 0,
  run: async (state, _input, { signal, progress }) => {
    state.started++;
    progress({ done: 1, note: "hanging" });
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    state.ended++;
    return null;
  },
});
const echo = op({
  ...base,
  name: "echo",
  summary: "Give what came",
  effect: "read",
  input: v.strictObject({ value: v.pipe(v.unknown(), v.description("Anything")) }),
  output: v.unknown(),
  run: (_state, { value }) => value,
});
const big = op({
  ...base,
  name: "big",
  summary: "Give much text",
  effect: "read",
  input: v.strictObject({ length: v.pipe(v.number(), v.description("Characters")) }),
  output: v.strictObject({ text: v.string() }),
  run(state, { length }) {
    state.bytes += length;
    return { text: "x".repeat(length) };
  },
});
const items = op({
  ...base,
  name: "items",
  summary: "Count",
  effect: "write",
  gives: "items",
  input: v.strictObject({ to: v.pipe(v.number(), v.description("How far")) }),
  output: v.strictObject({ n: v.number() }),
  run: async function* (_state, { to }, { progress }) {
    for (let n = 1; n <= to; n++) {
      progress({ done: n, total: to });
      yield { n };
    }
  },
});
const bytes = op({
  ...base,
  name: "bytes",
  summary: "Give back the bytes that came",
  effect: "read",
  takes: "bytes",
  gives: "bytes",
  input: v.strictObject({ mediaType: v.pipe(v.string(), v.description("What they are")) }),
  run: async (_state, { mediaType }, context) => {
    const parts = await Array.fromAsync(context.bytes);
    return {
      mediaType,
      fileName: "a b",
      async *open() {
        yield* parts;
      },
    };
  },
});
const fault = op({
  ...base,
  name: "fault",
  summary: "Fail unexpectedly",
  effect: "read",
  output: v.null(),
  run: () => {
    throw new Error("secret text at /some/path");
  },
});
const reach = (state: Probed, what: string) => {
  state.reached.push(what);
  return null;
};
const owned = op({
  ...base,
  name: "owned",
  summary: "Belong to the owner",
  needs: ["probe.own"],
  effect: "read",
  output: v.null(),
  run: (state) => reach(state, "owned"),
});
const hidden = op({
  ...base,
  name: "hidden",
  summary: "Be on other doors alone",
  surfaces: ["http", "cli"],
  effect: "read",
  output: v.null(),
  run: (state) => reach(state, "hidden"),
});
const talk = op({
  ...base,
  name: "talk",
  summary: "Take messages",
  effect: "read",
  takes: "messages",
  gives: "items",
  message: v.string(),
  output: v.string(),
  run: async function* (_state, _input, { messages }) {
    yield* messages;
  },
});

export function probeModule(probed: Probed) {
  return defineModule({
    id: "probe",
    summary: "Is called by agents",
    config: v.strictObject({}),
    permissions: {
      "probe.use": { summary: "Use it" },
      "probe.own": { summary: "Own it", ownerOnly: true },
    },
    requires: {},
    provides: {},
    operations: [hang, echo, big, items, bytes, fault, owned, hidden, talk],
    start: () => ({ state: probed, services: {} }),
  });
}
