import assert from "node:assert/strict";
import { test } from "node:test";
import { identityOf, sampleHttp } from "../../tests/surface/sample-http.ts";
import { simulatedClock } from "../kernel/simulated.ts";
import type { HttpSurfaceOptions } from "./http.ts";
import type { HttpIdentity } from "./http-engine.ts";

/** A socket without a network: what the node sent, and how it ended. */
async function connect(
  path: string,
  options: Partial<HttpSurfaceOptions> = {},
  identity: HttpIdentity = identityOf(),
) {
  const { surface } = await sampleHttp(options);
  const call = surface.messages(new Request(`http://operone${path}`), identity);
  const frames: unknown[] = [];
  const closed = Promise.withResolvers<number>();
  const link = { full: false, cut: false };
  let noticed = () => {};
  call.opened({
    send(frame) {
      frames.push(typeof frame === "string" ? JSON.parse(frame) : frame);
      noticed();
      return !link.full;
    },
    close: (code) => closed.resolve(code),
    cut: () => {
      link.cut = true;
    },
  });
  const until = async (count: number) => {
    while (frames.length < count) {
      await new Promise<void>((resolve) => {
        noticed = resolve;
      });
    }
    return frames[count - 1];
  };
  return { call, frames, closed: closed.promise, link, until };
}

const message = (say: string) => JSON.stringify({ message: { say } });
const errorIn = (frames: readonly unknown[]) => (frames.at(-1) as { error?: { code?: string } }).error?.code;

test("each message is answered, and the end ends it", async () => {
  const { call, frames, closed, until } = await connect("/v1/sample/chat?greeting=hi", {
    newCallId: () => "c1",
  });
  await until(2);
  call.received(message("a"));
  call.received(message("b"));
  call.received('{"end":true}');
  assert.equal(await closed, 1000);
  assert.deepEqual(frames, [
    { callId: "c1" },
    { item: { heard: "hi" } },
    { item: { heard: "a" } },
    { item: { heard: "b" } },
    { end: true },
  ]);
});

test("a refused call says why, in a frame that a browser can read", async () => {
  for (const [path, code] of [
    ["/v1/sample/none", "not_found"],
    ["/v1/sample/echo?text=a", "unsupported"],
    ["/v1/sample/chat?unknown=1", "invalid_input"],
    ["/elsewhere", "not_found"],
  ] as const) {
    const { frames, closed } = await connect(path);
    assert.equal(await closed, 1000);
    assert.equal(errorIn(frames), code, path);
  }
});

test("a frame that is no message ends the call and says so", async () => {
  for (const frame of [
    "{",
    "5",
    '{"other":1}',
    '{"end":false}',
    Uint8Array.of(1),
    `{"message":${"[".repeat(500)}`,
  ]) {
    const { call, frames, closed, until } = await connect("/v1/sample/chat");
    await until(2);
    call.received(frame);
    assert.equal(await closed, 1000);
    assert.equal(errorIn(frames), "invalid_input", String(frame));
  }
});

test("a message outside of its schema is refused", async () => {
  const { call, frames, closed, until } = await connect("/v1/sample/chat");
  await until(2);
  call.received('{"message":{"say":5}}');
  await closed;
  assert.equal(errorIn(frames), "invalid_input");
});

test("messages that nobody reads are limited", async () => {
  const { call, frames, closed, until, link } = await connect("/v1/sample/chat", {
    limits: { messagesWaitingMax: 5 },
  });
  await until(2);
  link.full = true;
  for (let i = 0; i < 20; i++) call.received(message("x"));
  call.drained();
  await closed;
  assert.equal(errorIn(frames), "limited");
});

test("the node sends no further while the client has no room", async () => {
  const { call, frames, closed, until, link } = await connect("/v1/sample/chat");
  await until(2);
  link.full = true;
  for (const say of ["a", "b", "c"]) call.received(message(say));
  await until(3);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(frames.length, 3);
  link.full = false;
  call.drained();
  call.received('{"end":true}');
  await closed;
  assert.equal(frames.length, 6);
});

test("a client that has no room for too long is cut off", async () => {
  const clock = simulatedClock();
  const { call, closed, until, link } = await connect("/v1/sample/chat", { timer: clock });
  await until(2);
  link.full = true;
  call.received(message("a"));
  await until(3);
  await clock.advance(30_000);
  await closed;
  assert.ok(link.cut);
});

test("a client that leaves ends the call, and so does one that loses its rights", async () => {
  const first = await connect("/v1/sample/chat");
  await first.until(2);
  first.call.closed();
  const controller = new AbortController();
  const second = await connect("/v1/sample/chat", {}, identityOf(undefined, controller.signal));
  await second.until(2);
  controller.abort(new Error("revoked"));
  assert.equal(await second.closed, 1000);
  assert.equal(errorIn(second.frames), "cancelled");
});
