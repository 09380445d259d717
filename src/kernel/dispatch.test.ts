import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant } from "./authority.ts";
import { type Call, waitingForPerson } from "./call.ts";
import { digestOf } from "./digest.ts";
import { dispatchLimits, type Runnable } from "./dispatch.ts";
import { collect, setUp } from "./dispatch-sample.ts";
import { OperoneError } from "./error.ts";
import type { Router } from "./ports.ts";
import { simulatedPolicy } from "./simulated.ts";

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

test("where one of several permissions is needed the input says which, and without any it is not looked at", async () => {
  const { call, journal } = setUp();
  const grants = (permission: string): Grant[] => [{ permission, scope: "*", decision: "allow" }];
  const more = { word: "more" };
  const { gives } = await call("either", { grants: grants("t.more"), input: more });
  assert.equal(gives, "value");
  await assert.rejects(call("either", { grants: grants("t.use"), input: more }), { code: "forbidden" });
  await assert.rejects(call("either", { grants: grants("t.more") }), { code: "forbidden" });
  await assert.rejects(call("either", { grants: [], input: { nonsense: 1 } }), { code: "forbidden" });
  assert.equal(journal.records.at(-1)?.inputDigest, "");
});

test("input is validated, and each problem is named", async () => {
  const { call } = setUp();
  await assert.rejects(call("echo", { input: { word: 1 } }), /"t.echo" is not valid: word: .*1/);
  await assert.rejects(call("echo", { input: { word: "a", wrod: "b" } }), /wrod/);
  await assert.rejects(call("echo", { input: 5 }), { code: "invalid_input" });
});

test("a missing key and a mistyped one are told apart, and the nearest name is offered", async () => {
  const { call } = setUp();
  await assert.rejects(call("named", {}), /name: is missing$/);
  await assert.rejects(
    call("named", { input: { name: "a", nmae: 1 } }),
    /nmae: there is no such key; did you mean "name"\?/,
  );
  await assert.rejects(call("named", { input: { name: "a", other: 1 } }), /other: there is no such key$/);
  const error = await call("named", { input: { name: 5, other: "x".repeat(9_999) } }).catch(
    (caught) => caught,
  );
  assert.ok(error.message.length < 1_000);
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

test("a node selector names this node, or needs a mesh", async () => {
  const { call } = setUp();
  for (const node of ["self", "pi"]) await call("echo", { node });
  await assert.rejects(call("echo", { node: "laptop" }), { code: "invalid_input" });
});

const laptop = { peerId: "peer-1", names: new Set(["peer-1", "laptop"]) };

function laptopRouter(): { readonly router: Router; readonly routed: Call[] } {
  const routed: Call[] = [];
  const router: Router = {
    isLocal: (selector) => selector === "my-peer-id",
    async route(_, { call, operation, permit }) {
      permit(laptop);
      routed.push(call);
      const { callId } = call;
      if (operation.gives === "items") return { gives: "items", callId, items: count() };
      return { gives: "value", callId, value: "from there" };
    },
  };
  async function* count() {
    yield 1;
    yield 2;
  }
  return { router, routed };
}

const onNodes = (nodes: Grant["nodes"]): readonly Grant[] => [
  { permission: "t.use", scope: "*", decision: "allow", ...(nodes === undefined ? {} : { nodes }) },
];

test("a call for another node goes to the router, and nothing of it runs here", async () => {
  const { router, routed } = laptopRouter();
  const { call, dispatcher } = setUp({ router: () => router });
  const grants = onNodes("*");
  const value = await call("far", { node: "laptop", grants });
  assert.equal(value.gives === "value" && value.value, "from there");
  assert.match(routed[0]?.callId ?? "", /^[0-9a-f]{32}$/);
  assert.equal(routed[0]?.node, undefined);
  assert.deepEqual(await collect(await call("far-items", { node: "laptop", grants })), [1, 2]);
  await call("far", { node: "my-peer-id" });
  assert.equal(routed.length, 2);
  assert.equal(dispatcher.callsInFlight(), 0);
  await assert.rejects(setUp().call("far", { node: "laptop" }), { code: "unavailable" });
});

test("a grant reaches another node only when it names it, and one of no node learns of none", async () => {
  const { router, routed } = laptopRouter();
  const { call } = setUp({ router: () => router });
  for (const nodes of ["*", ["laptop"], ["peer-1"]] as const)
    await call("far", { node: "laptop", grants: onNodes(nodes) });
  for (const nodes of [undefined, ["self"], ["pi"], []] as const) {
    await assert.rejects(call("far", { node: "laptop", grants: onNodes(nodes) }), { code: "forbidden" });
  }
  assert.equal(routed.length, 3);
  const nosy: Router = { isLocal: () => false, route: async (selector) => assert.fail(selector) };
  const { call: other } = setUp({ router: () => nosy });
  await assert.rejects(other("far", { node: "laptop", grants: [] }), { code: "forbidden" });
});

test("what is sent to another node is audited here too, with the node and the digest of the validated input", async () => {
  const { router } = laptopRouter();
  const { call, journal } = setUp({ router: () => router });
  await call("far", { node: "laptop", grants: onNodes("*") });
  await call("far", {});
  assert.deepEqual(
    journal.records.map(({ kind, node, operation }) => [kind, node, operation]),
    [["outcome", "laptop", "t.far"]],
  );
  assert.equal(journal.records[0]?.inputDigest, digestOf({ word: "hi" }));
});

test("bytes and messages go to one node, never to many", async () => {
  const { router } = laptopRouter();
  const { call } = setUp({ router: () => router });
  for (const operation of ["far-bytes", "far-talk"]) {
    await assert.rejects(call(operation, { node: "all", grants: onNodes("*") }), { code: "invalid_input" });
  }
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

test("what streams in cannot be shown to a person, so such a call is not put before one", async () => {
  const policy = simulatedPolicy(async () => {});
  const { call } = setUp({ policy: () => policy });
  const grants = [{ permission: "t.use", scope: "*", decision: "ask" }] as const;
  async function* bytes() {
    yield new Uint8Array([1]);
  }
  await assert.rejects(call("kill", { grants, bytes: bytes() }), { code: "unsupported" });
  assert.equal(policy.requests.length, 0);
  await call("kill", { grants });
});

test("a stop ends the calls that wait for a person at once, and lets those that run go on", async () => {
  const policy = simulatedPolicy(() => new Promise(() => {}));
  const { call, dispatcher } = setUp({ policy: () => policy });
  const grants = [{ permission: "t.use", scope: "*", decision: "ask" }] as const;
  const waiting = assert.rejects(call("kill", { grants }), { code: "unavailable" });
  const running = assert.rejects(call("hangs"), { code: "unavailable" });
  dispatcher.close();
  await waiting;
  assert.equal(dispatcher.callsInFlight(), 1);
  dispatcher.abortAll();
  await running;
});

test("a calling node hears that a person is asked, and of a read nobody is", async () => {
  const notes: unknown[] = [];
  const policy = simulatedPolicy(async () => {});
  const { call } = setUp({ policy: () => policy });
  const options = {
    surface: "mesh",
    grants: [{ permission: "t.use", scope: "*", decision: "ask" }],
    onProgress: ({ note }: { readonly note?: string }) => void notes.push(note),
  } as const;
  await call("far-save", options);
  assert.deepEqual(notes, [waitingForPerson]);
  await assert.rejects(call("far", options), { code: "forbidden" });
  assert.equal(policy.requests.length, 1);
});
