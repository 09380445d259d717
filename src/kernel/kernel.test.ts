import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { OperoneError } from "./error.ts";
import { type BootOptions, boot } from "./kernel.ts";
import { defineModule, type Module, type Scope, service } from "./module.ts";
import { operationsOf } from "./operation.ts";
import { simulatedClock, simulatedLog, simulatedRandom } from "./simulated.ts";
import { supervisorLimits } from "./supervisor.ts";
import { KernelView } from "./view.ts";

const greeting = service<() => string>("a.greeting");

function setUp(events: string[] = []) {
  const clock = simulatedClock();
  const log = simulatedLog();
  const options = { clock, log, random: simulatedRandom(1) };
  const plain = (
    id: string,
    start: (scope: Scope) => Promise<void> | void = () => {},
    more: Partial<Module> = {},
  ): Module => ({
    id,
    summary: id,
    config: v.strictObject({}),
    permissions: {},
    requires: {},
    provides: {},
    operations: [
      operationsOf<unknown>(id)({
        name: "ping",
        summary: "Ping",
        effect: "read",
        needs: [],
        input: v.strictObject({}),
        output: v.string(),
        run: () => id,
      }),
    ],
    async start({ scope }) {
      events.push(`start ${id}`);
      scope.defer(() => void events.push(`stop ${id}`));
      await start(scope);
      return { state: undefined, services: {} };
    },
    ...more,
  });
  const start = (modules: readonly Module[], more: Partial<BootOptions> = {}) =>
    boot({ modules, ...options, ...more });
  const ping = (kernel: { view: KernelView }, id: string) =>
    kernel.view.call({
      surface: "http",
      operation: `${id}.ping`,
      input: {},
      caller: { kind: "owner", id: "owner", name: "owner" },
      sets: [{ holder: "owner", owner: true, grants: [] }],
      signal: new AbortController().signal,
    });
  return { clock, log, events, plain, start, ping };
}

const states = (kernel: { view: KernelView }) =>
  Object.fromEntries(kernel.view.modules().map((m) => [m.id, m.state]));

test("modules start in order with exactly the services they named, and stop in reverse", async () => {
  const { events, plain, start } = setUp();
  let used: unknown;
  const a = defineModule({
    ...plain("z"),
    provides: { greeting },
    start({ scope }) {
      events.push("start z");
      scope.defer(() => void events.push("stop z"));
      return { state: undefined, services: { greeting: () => "hello" } };
    },
  });
  const b = defineModule({
    ...plain("b"),
    requires: { greeting },
    start({ use, scope }) {
      events.push("start b");
      scope.defer(() => void events.push("stop b"));
      used = Object.keys(use);
      return { state: use.greeting(), services: {} };
    },
  });
  const kernel = await start([a, b, plain("c")]);
  assert.deepEqual(used, ["greeting"]);
  assert.equal(kernel.service(greeting)(), "hello");
  await Promise.all([kernel.stop(), kernel.stop()]);
  assert.deepEqual(events, ["start z", "start b", "start c", "stop c", "stop b", "stop z"]);
});

test("a required module that fails rolls everything back and says why", async () => {
  const { events, plain, start } = setUp();
  const broken = plain("b", () => Promise.reject(new Error("port 1 is taken")), { required: true });
  await assert.rejects(start([plain("a"), broken]), /required module "b" did not start: port 1 is taken/);
  assert.deepEqual(events, ["start a", "start b", "stop b", "stop a"]);
});

test("a required module that refuses its settings keeps the code of its refusal", async () => {
  const { plain, start } = setUp();
  const refuse = () => Promise.reject(new OperoneError("conflict", "port 1 is taken"));
  await assert.rejects(start([plain("b", refuse, { required: true })]), { code: "conflict" });
  const crash = () => Promise.reject(new Error("no disk"));
  await assert.rejects(start([plain("b", crash, { required: true })]), { code: "unavailable" });
});

test("a failed optional module is shown with its reason, and takes only its own users with it", async () => {
  const { plain, start, ping } = setUp();
  const provider = plain("a", () => Promise.reject(new Error("no disk")), { provides: { greeting } });
  const kernel = await start([provider, plain("b", () => {}, { requires: { greeting } }), plain("c")]);
  assert.deepEqual(states(kernel), { a: "failed", b: "failed", c: "ready" });
  assert.deepEqual(
    kernel.view.modules().map((m) => m.reason),
    ["no disk", 'it requires "a.greeting" of the module "a", which is not running', undefined],
  );
  await assert.rejects(ping(kernel, "a"), { code: "unavailable" });
  const answer = await ping(kernel, "c");
  assert.equal(answer.gives === "value" && answer.value, "c");
});

test("a start that hangs is given up, and what it opens later is closed", async () => {
  const { clock, plain, start, events } = setUp();
  let goOn = () => {};
  const slow = plain("a", async (scope) => {
    await new Promise<void>((resolve) => (goOn = resolve));
    scope.defer(() => void events.push("closed late"));
  });
  const booting = start([slow], { limits: { startMs: 100 } });
  await clock.advance(100);
  const kernel = await booting;
  assert.deepEqual(states(kernel), { a: "failed" });
  goOn();
  await clock.advance(0);
  assert.ok(events.includes("closed late"));
});

test("an operation waits until its module is ready, and a readiness that fails is the module's failure", async () => {
  const { plain, start, ping, clock } = setUp();
  let ready = () => {};
  let fail = (_: Error) => {};
  const late = plain("a", undefined, {
    start: () => ({ state: 0, services: {}, ready: new Promise((resolve) => (ready = resolve)) }),
  });
  const broken = plain("b", undefined, {
    start: () => ({ state: 0, services: {}, ready: new Promise((_, reject) => (fail = reject)) }),
  });
  const kernel = await start([late, broken]);
  const pending = ping(kernel, "a");
  assert.deepEqual(states(kernel), { a: "starting", b: "starting" });
  ready();
  fail(new Error("no key"));
  await pending;
  await clock.advance(0);
  assert.deepEqual(states(kernel), { a: "ready", b: "failed" });
});

test("a crash of one module's task degrades it, gives it up in the end, and the node goes on", async () => {
  const { plain, start, ping, clock } = setUp();
  const crashing = plain("a", (scope) => scope.task("loop", () => Promise.reject(new Error("crash"))));
  const kernel = await start([crashing, plain("b")]);
  await clock.advance(1);
  assert.deepEqual(states(kernel), { a: "degraded", b: "ready" });
  await ping(kernel, "a");
  await clock.advance(supervisorLimits.backOffMsMax * supervisorLimits.failuresMax);
  assert.deepEqual(states(kernel), { a: "failed", b: "ready" });
  await ping(kernel, "b");
});

test("a required module that fails later asks the node to stop", async () => {
  const { plain, start, clock } = setUp();
  const crashing = plain("a", (scope) => scope.task("loop", () => Promise.reject(new Error("crash"))), {
    required: true,
  });
  const kernel = await start([crashing]);
  await clock.advance(supervisorLimits.backOffMsMax * supervisorLimits.failuresMax);
  assert.match(await kernel.stopRequested, /required module "a" failed/);
});

test("tasks are cancelled and awaited at stop, and a closer that throws or hangs stops nobody else", async () => {
  const { plain, start, clock, events } = setUp();
  const kernel = await start([
    plain("a"),
    plain("b", (scope) => {
      scope.defer(() => new Promise(() => {}));
      scope.defer(() => Promise.reject(new Error("cannot close")));
      scope.task(
        "wait",
        (signal) =>
          new Promise((resolve) =>
            signal.addEventListener("abort", () => resolve(void events.push("task ended"))),
          ),
      );
    }),
  ]);
  const stopping = kernel.stop();
  await clock.advance(60_000);
  await stopping;
  assert.deepEqual(events.slice(2), ["task ended", "stop b", "stop a"]);
  assert.deepEqual(states(kernel), { a: "stopped", b: "stopped" });
});

test("the configuration of every module is checked before the first one starts", async () => {
  const { plain, start, events } = setUp();
  await assert.rejects(start([plain("a"), plain("b")], { config: { b: { prot: 1 } } }), {
    code: "invalid_input",
  });
  assert.deepEqual(events, []);
});

test("the kernel's own view is a service like any other", async () => {
  const { plain, start } = setUp();
  let seen: readonly string[] = [];
  const kernel = await start([
    defineModule({
      ...plain("a"),
      requires: { view: KernelView },
      start: ({ use }) => {
        seen = [...use.view.table.keys()];
        use.view.requestStop("enough");
        return { state: undefined, services: {} };
      },
    }),
  ]);
  assert.deepEqual(seen, ["a.ping"]);
  assert.equal(await kernel.stopRequested, "enough");
});
