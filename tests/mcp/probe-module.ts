/** Operations that an agent can call, and what has become of the calls. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import type { Question } from "../../src/kernel/question.ts";

export interface Probed {
  started: number;
  /** Calls whose signal was aborted while they ran. */
  ended: number;
  /** Of the texts that it gave. */
  bytes: number;
  /** Inputs of what must not be reached. */
  readonly reached: string[];
  /** Calls of `gate` that wait. Opens one. */
  readonly gates: (() => void)[];
  /** Gives one more item to whoever follows. */
  feed: (item: "ready" | "same" | "changed" | "end") => void;
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
const gate = op({
  ...base,
  name: "gate",
  summary: "Wait until it is opened, and then ask if that is wanted",
  effect: "write",
  input: v.strictObject({
    ask: v.optional(v.pipe(v.picklist(["form", "model", "folders"]), v.description("Whom to ask then"))),
  }),
  output: v.strictObject({ reply: v.unknown() }),
  deadlineMs: 0,
  run: async (state, { ask }, { signal, progress, asker }) => {
    progress({ done: 1, total: 2, unit: "gates" });
    await new Promise<void>((resolve) => {
      state.gates.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    if (ask === undefined) return { reply: null };
    const questions = {
      form: { ask, message: "Sure?", fields: { sure: { type: "boolean" } } },
      model: { ask, prompt: "Say hello", tokensMax: 10 },
      folders: { ask },
    } as const;
    return { reply: (await asker.ask({ it: questions[ask] as Question })).it };
  },
});
const feed = op({
  ...base,
  name: "feed",
  summary: "Follow what the test says",
  effect: "read",
  gives: "items",
  output: v.string(),
  run: async function* (state, _input, { signal }) {
    const waiting: string[] = [];
    let wake = () => {};
    state.feed = (item) => {
      waiting.push(item);
      wake();
    };
    signal.addEventListener("abort", () => wake(), { once: true });
    state.started++;
    while (!signal.aborted) {
      const item = waiting.shift();
      if (item === "end") return;
      if (item !== undefined) yield item;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    state.ended++;
  },
});
const ask = op({
  ...base,
  name: "ask",
  summary: "Ask everything, one after the other",
  effect: "write",
  output: v.strictObject({ replies: v.array(v.unknown()), can: v.array(v.string()) }),
  run: async (state, _input, { asker }) => {
    const form = {
      ask: "form",
      message: "Who?",
      fields: { name: { type: "string" } },
      required: ["name"],
    } as const;
    const { who } = await asker.ask({ who: form });
    const both = await asker.ask({
      hello: { ask: "model", prompt: "Say hello", tokensMax: 10 },
      where: { ask: "folders" },
    });
    state.reached.push("asked");
    return { replies: [who, both.hello, both.where], can: [...asker.can] };
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
    operations: [hang, gate, feed, ask, echo, big, items, bytes, fault, owned, hidden, talk],
    resources: [
      {
        ...{ uri: "probe://feed", name: "feed", title: "Feed", description: "What the test says" },
        read: { operation: "probe.echo", input: () => ({ value: 1 }) },
        watch: {
          operation: "probe.feed",
          input: () => ({}),
          begins: (item) => item === "ready",
          changes: (item) => item === "changed",
        },
      },
    ],
    prompts: [
      {
        ...{ name: "probe-ask", title: "Ask", description: "Ask before it says anything", arguments: [] },
        uses: ["probe.ask"],
        asks: { who: { ask: "form", message: "Who?", fields: { name: { type: "string" } } } },
        messages: (_values, replies) => [
          { role: "user", content: { text: JSON.stringify(replies) } },
          { role: "assistant", content: { uri: "/status" } },
          { role: "user", content: { base64: "AAAA", mediaType: "image/png" } },
        ],
      },
    ],
    start: () => ({ state: probed, services: {} }),
  });
}
