import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperoneError } from "../kernel/error.ts";
import { simulatedClock } from "../kernel/simulated.ts";
import { bodyStream, type StreamOptions } from "./http-stream.ts";

const limits = { heartbeatMs: 5_000, stallMs: 30_000 };
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);
const heartbeat = bytes("beat");

/** Chunks that come when the test says so. */
function manual() {
  const waiting: PromiseWithResolvers<IteratorResult<Uint8Array>>[] = [];
  let asked = 0;
  const state = {
    returned: 0,
    get asked() {
      return asked;
    },
    give: (value: string) => waiting.shift()?.resolve({ done: false, value: bytes(value) }),
    end: () => waiting.shift()?.resolve({ done: true, value: undefined }),
    fail: (error: unknown) => waiting.shift()?.reject(error),
  };
  const chunks: AsyncIterator<Uint8Array> = {
    next() {
      asked++;
      const step = Promise.withResolvers<IteratorResult<Uint8Array>>();
      waiting.push(step);
      return step.promise;
    },
    async return() {
      state.returned++;
      return { done: true, value: undefined };
    },
  };
  return { chunks, state };
}

function streamOf(extra: Partial<StreamOptions> = {}) {
  const clock = simulatedClock();
  const { chunks, state } = manual();
  const ends: (OperoneError | undefined)[] = [];
  const stream = bodyStream(chunks, { limits, timer: clock, onEnd: (reason) => ends.push(reason), ...extra });
  return { clock, state, ends, ...stream, reader: stream.body.getReader() };
}

test("nothing is asked for before the client wants it, and one chunk at a time", async () => {
  const { clock, state, reader } = streamOf();
  await clock.advance(0);
  assert.equal(state.asked, 0);
  const first = reader.read();
  await clock.advance(0);
  assert.equal(state.asked, 1);
  state.give("a");
  assert.equal(text((await first).value), "a");
  await clock.advance(0);
  assert.equal(state.asked, 1);
  await reader.cancel();
});

test("a heartbeat bridges every 5 s of silence and loses no chunk", async () => {
  const { clock, state, reader, ends } = streamOf({ heartbeat });
  for (let i = 0; i < 3; i++) {
    const read = reader.read();
    await clock.advance(limits.heartbeatMs);
    assert.equal(text((await read).value), "beat");
  }
  assert.equal(state.asked, 1);
  const read = reader.read();
  state.give("a");
  assert.equal(text((await read).value), "a");
  const last = reader.read();
  await clock.advance(0);
  state.end();
  assert.equal((await last).done, true);
  assert.deepEqual(ends, [undefined]);
  assert.equal(clock.timers, 0);
});

test("a client that takes nothing is cut off, and the operation ends", async () => {
  const { clock, state, reader, ends } = streamOf({ heartbeat });
  const first = reader.read();
  await clock.advance(0);
  state.give("a");
  await first;
  await clock.advance(limits.stallMs - 1);
  assert.equal(ends.length, 0);
  await clock.advance(2 * limits.heartbeatMs);
  assert.equal(ends[0]?.code, "cancelled");
  assert.equal(state.returned, 1);
  assert.equal(clock.timers, 0);
  await assert.rejects(reader.read(), (error) => error === undefined);
});

test("a client that never begins to read is cut off as well", async () => {
  const { clock, ends } = streamOf();
  await clock.advance(limits.stallMs + limits.heartbeatMs);
  assert.equal(ends[0]?.code, "cancelled");
});

test("a client that waits for a silent operation is not cut off", async () => {
  const { clock, state, reader, ends } = streamOf();
  const read = reader.read();
  await clock.advance(10 * limits.stallMs);
  assert.equal(ends.length, 0);
  state.give("late");
  assert.equal(text((await read).value), "late");
  await reader.cancel();
});

test("a client that reads slowly is not cut off", async () => {
  const { clock, state, reader, ends } = streamOf();
  for (let i = 0; i < 5; i++) {
    const read = reader.read();
    await clock.advance(0);
    state.give("a");
    await read;
    await clock.advance(limits.stallMs - limits.heartbeatMs);
  }
  assert.equal(ends.length, 0);
  await reader.cancel();
});

test("a client that leaves ends the operation at once, while it is waiting too", async () => {
  const { clock, state, reader, ends } = streamOf();
  const read = reader.read();
  await clock.advance(0);
  await reader.cancel();
  assert.equal((await read).done, true);
  assert.equal(ends[0]?.code, "cancelled");
  assert.equal(state.returned, 1);
  assert.equal(clock.timers, 0);
});

test("a failure breaks the body off and says nothing of itself", async () => {
  const { clock, state, reader, ends } = streamOf();
  const read = reader.read();
  await clock.advance(0);
  state.fail(new TypeError("secret"));
  await assert.rejects(read, (error) => error === undefined);
  assert.equal(ends.length, 1);
  assert.equal(clock.timers, 0);
});

test("what stands aside goes first, and wakes a waiting client", async () => {
  const queue: string[] = ["p1"];
  const aside = () => {
    const next = queue.shift();
    return next === undefined ? undefined : bytes(next);
  };
  const { clock, state, reader, nudge } = streamOf({ heartbeat, aside });
  assert.equal(text((await reader.read()).value), "p1");
  const read = reader.read();
  await clock.advance(0);
  queue.push("p2");
  nudge();
  assert.equal(text((await read).value), "p2");
  const last = reader.read();
  await clock.advance(0);
  state.give("a");
  assert.equal(text((await last).value), "a");
  await reader.cancel();
});
