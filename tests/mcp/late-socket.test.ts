/** What comes over a connection while the code that answers it is still read from the disk. */
import { expect, test } from "bun:test";
import { LateSocket } from "../../modules/mcp/late-socket.ts";
import type { MessageCall } from "../../src/surface/http-messages.ts";

function late() {
  const loaded = Promise.withResolvers<MessageCall>();
  const seen: string[] = [];
  const call: MessageCall = {
    opened: () => void seen.push("opened"),
    received: (frame) => void seen.push(String(frame)),
    drained: () => void seen.push("drained"),
    closed: () => void seen.push("closed"),
  };
  const socket = new LateSocket(() => loaded.promise);
  const load = async () => {
    loaded.resolve(call);
    await loaded.promise;
  };
  const cut = () => void seen.push("cut");
  socket.opened({ send: () => true, close: () => {}, cut });
  return { socket, seen, load };
}

test("is told afterwards, all of it and in its order", async () => {
  const { socket, seen, load } = late();
  const frames = Array.from({ length: 500 }, (_, at) => String(at));
  for (const frame of frames) socket.received(frame);
  await load();
  socket.received("more");
  expect(seen).toEqual(["opened", ...frames, "more"]);
});

test.each([
  ["frames", 1_100, "x"],
  ["bytes", 30, "x".repeat(1_000_000)],
])("is cut, and not left out, when it is too much: %s", async (_what, count, frame) => {
  const { socket, seen } = late();
  for (let at = 0; at < count; at++) socket.received(frame);
  expect(seen).toContain("cut");
});

test("ends with the connection that ended meanwhile, however much came before", async () => {
  const { socket, seen, load } = late();
  for (let at = 0; at < 2_000; at++) socket.received("x");
  socket.closed();
  await load();
  expect([seen.at(0), seen.includes("opened"), seen.at(-1)]).toEqual(["cut", true, "closed"]);
});
