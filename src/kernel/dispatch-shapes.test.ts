import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatchLimits } from "./dispatch.ts";
import { collect, seen, setUp } from "./dispatch-sample.ts";

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

test("the deadline ends a handler that ignores its signal", async () => {
  const { call, clock, dispatcher } = setUp();
  const pending = assert.rejects(call("hangs"), { code: "deadline" });
  await clock.advance(1_000);
  await pending;
  assert.equal(seen.signal?.aborted, true);
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
  assert.equal(seen.signal?.aborted, true);
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
