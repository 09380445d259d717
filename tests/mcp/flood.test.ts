/** What costs a client little must cost the node little: lines that nobody can read, pieces of one byte. */
import { heapStats } from "bun:jsc";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mcpLimits } from "../../src/surface/mcp-limits.ts";
import { LineBuffer } from "../../src/surface/mcp-lines.ts";
import { mcpSession } from "../../src/surface/mcp-session.ts";
import { mcpStream } from "../../src/surface/mcp-stream.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";

let node: McpNode;
beforeAll(async () => {
  node = await mcpNode();
});
afterAll(() => node[Symbol.asyncDispose]());

/** A connection whose client has room for one answer and reads none. */
function unread() {
  const seen = { sent: [] as (string | Uint8Array)[], closed: false, cut: false };
  const timers = new Map<() => void, number>();
  const stream = mcpStream({
    signal: new AbortController().signal,
    session: (signal) =>
      mcpSession({
        ...{ view: node.kernel.view, version: "0", agent: "slow", profiles: [], signal },
        identity: () => ({
          caller: { kind: "agent", id: "slow", name: "slow" },
          sets: [],
          revoked: new AbortController().signal,
        }),
        limits: { waitingMax: 10 },
        timer: {
          after(delayMs, run) {
            timers.set(run, delayMs);
            return () => void timers.delete(run);
          },
        },
      }),
    ended: () => {
      seen.closed = true;
    },
  });
  stream.opened({
    send: (frame) => seen.sent.push(frame) === 0,
    close: () => {},
    cut: () => {
      seen.cut = true;
    },
  });
  return { stream, seen, timers };
}

test("answers to what cannot be read do not pile up for a client that does not read them", () => {
  const { stream, seen } = unread();
  const bad = new Uint8Array([0xff, 0x0a]);
  for (let at = 0; at < 11; at++) stream.received(bad);
  expect([seen.sent.length, seen.closed]).toEqual([1, false]);
  stream.received(bad);
  expect(seen.closed).toBe(true);
  expect(new TextDecoder().decode(seen.sent.at(-1) as Uint8Array)).toContain("limited");
});

test("a connection that was ended is cut when the client does not go, and not when it has gone", () => {
  const bad = new Uint8Array([0xff, 0x0a]);
  const stays = unread();
  for (let at = 0; at < 12; at++) stays.stream.received(bad);
  expect([[...stays.timers.values()], stays.seen.cut]).toEqual([[mcpLimits.finishMs], false]);
  for (const run of stays.timers.keys()) run();
  expect(stays.seen.cut).toBe(true);
  const goes = unread();
  for (let at = 0; at < 12; at++) goes.stream.received(bad);
  goes.stream.closed();
  expect(goes.timers.size).toBe(0);
});

test("those that waited are given in their order when the client reads on", () => {
  const { stream, seen } = unread();
  const refusals = () => seen.sent.map((one) => String(one).includes("not UTF-8"));
  stream.received(new Uint8Array([0xff, 0x0a]));
  stream.received(new TextEncoder().encode("no JSON\n"));
  stream.received(new Uint8Array([0xff, 0x0a]));
  for (let at = 0; at < 3; at++) stream.drained();
  expect(refusals()).toEqual([true, false, true]);
});

test("a line that comes byte by byte takes the room of its bytes, and not that of as many pieces", () => {
  const lines = new LineBuffer(mcpLimits.messageBytesMax);
  Bun.gc(true);
  const before = heapStats().objectTypeCounts.Uint8Array ?? 0;
  for (let at = 0; at < 100_000; at++) expect(lines.add(new Uint8Array([0x61])).next().done).toBe(true);
  Bun.gc(true);
  expect((heapStats().objectTypeCounts.Uint8Array ?? 0) - before).toBeLessThan(1_000);
  expect([...lines.add(new Uint8Array([0x0a]))]).toEqual(["a".repeat(100_000)]);
});
