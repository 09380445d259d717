import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import type { Grant, Permission } from "./authority.ts";
import type { Answer, Call } from "./call.ts";
import { createDispatcher, type DispatcherOptions, dispatchLimits, type Runnable } from "./dispatch.ts";
import { OperoneError } from "./error.ts";
import { type Operation, operationsOf } from "./operation.ts";
import type { Router } from "./ports.ts";
import {
  simulatedClock,
  simulatedJournal,
  simulatedLog,
  simulatedPolicy,
  simulatedRandom,
} from "./simulated.ts";

const define = operationsOf<unknown>("t");
const input = v.strictObject({ word: v.optional(v.string(), "hi") });
const output = v.string();
const base = { summary: "x", needs: ["t.use"], input, output, scope: () => [{ permission: "t.use" }] };

function never(): Promise<never> {
  return new Promise(() => {});
}

let seenSignal: AbortSignal | undefined;
const operations: readonly Operation[] = [
  define({ ...base, name: "echo", effect: "read", run: (_, { word }) => word }),
  define({ ...base, name: "save", effect: "write", run: (_, { word }) => word }),
  define({ ...base, name: "kill", effect: "destroy", run: (_, { word }) => word }),
  define({ ...base, name: "hidden", effect: "read", surfaces: ["cli"], run: () => "x" }),
  define({ ...base, name: "far", effect: "read", surfaces: ["http", "mesh"], run: () => "from here" }),
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
      seenSignal = signal;
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
      seenSignal = signal;
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
];

const permissions = new Map<string, Permission>([["t.use", { summary: "Use", covers: () => true }]]);

function setUp(more: Partial<DispatcherOptions> = {}) {
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

async function collect(answer: Answer): Promise<unknown[]> {
  assert.equal(answer.gives, "items");
  return answer.gives === "items" ? Array.fromAsync(answer.items) : [];
}

test("a value, items and bytes come as the operation says, and nothing stays running", async () => {
  const { call, dispatcher } = setUp();
  const value = await call("echo", { input: { word: "yes" } });
  assert.equal(value.gives === "value" && value.value, "yes");
  assert.deepEqual(await collect(await call("count")), ["1", "2"]);
  const bytes = await call("bytes");
  assert.deepEqual(bytes.gives === "bytes" && (await Array.fromAsync(bytes.bytes.open())), [
    new Uint8Array([1]),
  ]);
  assert.equal(dispatcher.callsInFlight(), 0);
});

test("an unknown operation and one that the surface does not show are told apart by nobody", async () => {
  const { call } = setUp();
  const message = async (name: string) => {
    const error = await call(name).catch((caught: OperoneError) => caught);
    assert.ok(error instanceof OperoneError);
    assert.equal(error.code, "not_found");
    return error.message.replace(name, "");
  };
  assert.equal(await message("hidden"), await message("absent"));
});

test("a caller without the permission is refused before its input is looked at, and the refusal is audited", async () => {
  const { call, journal } = setUp();
  await assert.rejects(call("echo", { grants: [], input: { nonsense: 1 } }), { code: "forbidden" });
  assert.deepEqual(
    journal.records.map((r) => [r.kind, r.code, r.inputDigest]),
    [["denial", "forbidden", ""]],
  );
});

test("input is validated, and each problem is named", async () => {
  const { call } = setUp();
  await assert.rejects(call("echo", { input: { word: 1 } }), /"t.echo" is not valid: word: .*1/);
  await assert.rejects(call("echo", { input: { word: "a", wrod: "b" } }), /wrod/);
  await assert.rejects(call("echo", { input: 5 }), { code: "invalid_input" });
});

test("an unexpected error keeps its text and stack to the log", async () => {
  const { call, log } = setUp();
  const error = await call("throws").catch((caught: OperoneError) => caught);
  assert.ok(error instanceof OperoneError && error.code === "internal");
  assert.doesNotMatch(error.message, /secret/);
  assert.match(String(log.entries[0]?.fields.error), /secret/);
  assert.ok(error.message.includes(String(log.entries[0]?.fields.callId)));
});

test("an answer outside the operation's own schema is an internal error, not an answer", async () => {
  await assert.rejects(setUp().call("lies"), { code: "internal" });
});

test("the deadline ends a handler that ignores its signal", async () => {
  const { call, clock, dispatcher } = setUp();
  const pending = assert.rejects(call("hangs"), { code: "deadline" });
  await clock.advance(1_000);
  await pending;
  assert.equal(seenSignal?.aborted, true);
  assert.equal(dispatcher.callsInFlight(), 0);
});

test("a caller that goes away cancels its call at once", async () => {
  const { call, dispatcher } = setUp();
  const controller = new AbortController();
  const pending = assert.rejects(call("hangs", { signal: controller.signal }), { code: "cancelled" });
  controller.abort();
  await pending;
  assert.equal(dispatcher.callsInFlight(), 0);
  await assert.rejects(call("echo", { signal: controller.signal }), { code: "cancelled" });
});

test("a reader that stops early cancels the operation, and that is its audited outcome", async () => {
  const { call, dispatcher, journal } = setUp();
  const answer = await call("forever");
  if (answer.gives !== "items") throw new Error("no items");
  for await (const item of answer.items) {
    assert.equal(item, "x");
    break;
  }
  assert.equal(seenSignal?.aborted, true);
  assert.equal(dispatcher.callsInFlight(), 0);
  assert.deepEqual(
    journal.records.map((r) => [r.kind, r.code]),
    [["outcome", "cancelled"]],
  );
});

test("items that fail before the first one fail the call, later ones end the iteration, each recorded once", async () => {
  const { call, journal, dispatcher } = setUp();
  await assert.rejects(call("fails-early"), { code: "conflict" });
  const late = await call("fails-late");
  await assert.rejects(collect(late), { code: "internal" });
  assert.deepEqual(
    journal.records.map((r) => r.code),
    ["conflict", "internal"],
  );
  assert.deepEqual(
    dispatcher.statistics.read().map((s) => [s.operation, s.code, s.count]),
    [
      ["t.fails-early", "conflict", 1],
      ["t.fails-late", "internal", 1],
    ],
  );
});

test("a stream with no first item yet is answered, so that its reader can begin to wait", async () => {
  const { call, clock, dispatcher } = setUp();
  const controller = new AbortController();
  const pending = call("silent", { signal: controller.signal });
  await clock.advance(dispatchLimits.firstItemMs);
  const answer = await pending;
  const reading = assert.rejects(collect(answer), { code: "cancelled" });
  controller.abort();
  await reading;
  assert.equal(dispatcher.callsInFlight(), 0);
});

test("an answer that nobody reads still ends with its caller", async () => {
  const { call, clock, dispatcher } = setUp();
  const controller = new AbortController();
  await call("bytes");
  const unread = await call("forever", { signal: controller.signal });
  assert.equal(dispatcher.callsInFlight(), 2);
  controller.abort();
  await clock.advance(dispatchLimits.openMs);
  assert.equal(dispatcher.callsInFlight(), 0);
  // Read late, it must not look like a stream that was complete.
  await assert.rejects(collect(unread), { code: "cancelled" });
});

test("bytes that are not wanted can be discarded, and are opened once at most", async () => {
  const { call, dispatcher } = setUp();
  const head = await call("bytes");
  if (head.gives === "bytes") head.discard?.();
  assert.equal(dispatcher.callsInFlight(), 0);
  const twice = await call("bytes");
  if (twice.gives !== "bytes") throw new Error("no bytes");
  twice.bytes.open();
  assert.throws(() => twice.bytes.open(), { code: "conflict" });
});

test("what destroys leaves its intent before it runs, and is not run when that cannot be written", async () => {
  const { call, journal } = setUp();
  await call("kill");
  assert.deepEqual(
    journal.records.map((r) => [r.kind, r.code]),
    [
      ["intent", "pending"],
      ["outcome", "ok"],
    ],
  );
  journal.fail = new Error("disk full");
  await assert.rejects(call("kill"), { code: "unavailable" });
  await assert.rejects(setUp({ journal: () => undefined }).call("kill"), { code: "unavailable" });
});

test("reads are audited for agents and other nodes, not for the owner and tokens", async () => {
  for (const [kind, count] of [
    ["owner", 0],
    ["token", 0],
    ["agent", 1],
    ["node", 1],
  ] as const) {
    const { call, journal } = setUp();
    await call("echo", { caller: { kind, id: "1", name: "x" } });
    assert.equal(journal.records.length, count, kind);
  }
});

test("an ask waits outside the deadline, then runs, and a denial is audited", async () => {
  const asking = {
    grants: [{ permission: "t.use", scope: "*", decision: "ask" }] as const,
    input: { word: "w" },
  };
  let approve = () => {};
  const policy = simulatedPolicy(() => new Promise((resolve) => (approve = resolve)));
  const { call, clock, journal } = setUp({ policy: () => policy });
  const pending = call("kill", asking);
  await clock.advance(120_000);
  assert.deepEqual(
    policy.requests.map((r) => [r.operation, r.preview]),
    [["t.kill", { word: "w" }]],
  );
  assert.equal(journal.records.length, 0);
  approve();
  const answer = await pending;
  assert.equal(answer.gives === "value" && answer.value, "w");
  const denying = simulatedPolicy(() => Promise.reject(new OperoneError("forbidden", "denied")));
  const refused = setUp({ policy: () => denying });
  await assert.rejects(refused.call("kill", asking), { code: "forbidden" });
  assert.deepEqual(
    refused.journal.records.map((r) => r.kind),
    ["denial"],
  );
  await assert.rejects(setUp().call("kill", asking), { code: "unavailable" });
});

test("a repeated write with one idempotency key runs once", async () => {
  const { call, journal, dispatcher } = setUp();
  for (let i = 0; i < 3; i++) await call("save", { idempotencyKey: "k", input: { word: "a" } });
  assert.equal(journal.records.length, 1);
  await assert.rejects(call("save", { idempotencyKey: "k", input: { word: "b" } }), { code: "conflict" });
  await assert.rejects(call("echo", { idempotencyKey: "k" }), { code: "invalid_input" });
  assert.equal(dispatcher.callsInFlight(), 0);
});

test("more calls than the limits allow are refused, and room comes back", async () => {
  const limits = { ...dispatchLimits, callsMax: 3, callsPerCallerMax: 2 };
  const { call, dispatcher } = setUp({ limits });
  const controller = new AbortController();
  const hanging = [
    call("hangs", { signal: controller.signal }),
    call("hangs", { signal: controller.signal }),
  ];
  await assert.rejects(call("echo"), { code: "limited" });
  await call("echo", { caller: { kind: "token", id: "2", name: "b" } });
  controller.abort();
  await Promise.allSettled(hanging);
  assert.equal(dispatcher.callsInFlight(), 0);
  await call("echo");
});

test("messages are validated one by one", async () => {
  const { call } = setUp();
  const messages = async function* (...values: unknown[]) {
    yield* values;
  };
  assert.deepEqual(await collect(await call("talk", { messages: messages(1, 2) })), ["1", "2"]);
  await assert.rejects(async () => collect(await call("talk", { messages: messages(1, "x") })), {
    code: "invalid_input",
  });
});

test("a node selector names this node, or needs a mesh", async () => {
  const { call } = setUp();
  for (const node of ["self", "pi"]) await call("echo", { node });
  await assert.rejects(call("echo", { node: "laptop" }), { code: "invalid_input" });
});

test("a call for another node goes to the router after permission, and before anything runs here", async () => {
  const routed: Call[] = [];
  const router: Router = {
    isLocal: (selector) => selector === "my-peer-id",
    route: async (_, call) => {
      routed.push(call);
      return call.operation === "t.far-items"
        ? { gives: "items", callId: call.callId ?? "", items: count() }
        : { gives: "value", callId: call.callId ?? "", value: "from there" };
    },
  };
  async function* count() {
    yield 1;
    yield 2;
  }
  const { call, dispatcher } = setUp({ router: () => router });
  const value = await call("far", { node: "laptop" });
  assert.equal(value.gives === "value" && value.value, "from there");
  assert.match(routed[0]?.callId ?? "", /^[0-9a-f]{32}$/);
  assert.deepEqual(await collect(await call("far-items", { node: "laptop" })), [1, 2]);
  await call("far", { node: "my-peer-id" });
  await assert.rejects(call("far", { node: "laptop", grants: [] }), { code: "forbidden" });
  assert.equal(routed.length, 2);
  assert.equal(dispatcher.callsInFlight(), 0);
  await assert.rejects(setUp().call("far", { node: "laptop" }), { code: "unavailable" });
});

test("a module that is starting is waited for, and one that is not running is unavailable", async () => {
  let start = () => {};
  const module: { state: unknown; status: Runnable["status"]; ready: Promise<void> } = {
    state: undefined,
    status: "starting",
    ready: new Promise<void>((resolve) => (start = resolve)),
  };
  const { call } = setUp({ module: () => module });
  const pending = call("echo");
  module.status = "ready";
  start();
  await pending;
  module.status = "failed";
  await assert.rejects(call("echo"), /module "t" is failed/);
});

test("after closing, new calls are refused and running ones can be drained or aborted", async () => {
  const { call, dispatcher } = setUp();
  const hanging = assert.rejects(call("hangs"), { code: "unavailable" });
  dispatcher.close();
  await assert.rejects(call("echo"), { code: "unavailable" });
  const drained = dispatcher.drained();
  dispatcher.abortAll();
  await hanging;
  await drained;
});
