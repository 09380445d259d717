import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call } from "./call.ts";
import { setUp } from "./dispatch-sample.ts";
import type { RoutedCall, Router } from "./ports.ts";

function passOn(operation: string, to?: string) {
  return { input: { operation, ...(to === undefined ? {} : { to }) } };
}

/** Another node, of which every call is kept. */
function elsewhere(): Router & { readonly calls: Call[] } {
  const calls: Call[] = [];
  return {
    calls,
    isLocal: (selector) => selector === "pi",
    async route(_, { call }: RoutedCall) {
      calls.push(call);
      return { gives: "value", callId: call.callId, value: "from there" };
    },
  };
}

test("a handler calls another operation as its own caller, and that call is recorded as any other", async () => {
  const { call, journal } = setUp();
  const answer = await call("passes-on", passOn("save"));
  assert.equal(answer.gives === "value" && answer.value, "hi");
  assert.deepEqual(
    journal.records.map(({ operation, caller, code }) => [operation, caller.name, code]),
    [["t.save", "ci", "ok"]],
  );
});

test("a handler has no right that its caller has not", async () => {
  const { call } = setUp();
  const more = { permission: "t.more", scope: "*", decision: "allow" } as const;
  await assert.rejects(call("passes-on", { ...passOn("save"), grants: [more] }), { code: "forbidden" });
  const onlyHere = { permission: "t.use", scope: "*", decision: "allow" } as const;
  const router = elsewhere();
  const there = setUp({ router: () => router });
  const routed: Router["route"] = router.route.bind(router);
  router.route = async (selector, one) => {
    one.permit({ peerId: "b", names: new Set(["b"]) });
    return await routed(selector, one);
  };
  await assert.rejects(
    there.call("passes-on", { ...passOn("far-save", "b"), grants: [onlyHere], surface: "mesh" }),
    {
      code: "forbidden",
    },
  );
  assert.equal(router.calls.length, 0);
});

test("what its own surface does not show, a handler does not reach either", async () => {
  const { call } = setUp();
  await assert.rejects(call("passes-on", passOn("hidden")), { code: "not_found" });
});

test("the nodes that a call has come over go with what it leads to", async () => {
  const router = elsewhere();
  const { call } = setUp({ router: () => router });
  await call("passes-on", { ...passOn("far-save", "b"), surface: "mesh", hops: 1 });
  assert.deepEqual(
    router.calls.map(({ operation, hops }) => [operation, hops]),
    [["t.far-save", 1]],
  );
});

test("what a handler has called ends with its own call", async () => {
  const { call, dispatcher } = setUp();
  const controller = new AbortController();
  const pending = assert.rejects(call("passes-on", { ...passOn("hangs"), signal: controller.signal }), {
    code: "cancelled",
  });
  await Promise.resolve();
  controller.abort();
  await pending;
  assert.equal(dispatcher.callsInFlight(), 0);
});
