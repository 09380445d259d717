import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import type { Answer } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import { operationsOf } from "../kernel/operation.ts";
import type { ClientCallOptions } from "./client.ts";
import { exchangeOf } from "./exchange.ts";
import { type OpenWebSocket, socketCall } from "./socket-client.ts";

const chat = operationsOf<null>("sample")({
  name: "chat",
  summary: "Chat",
  effect: "write",
  needs: [],
  takes: "messages",
  gives: "items",
  input: v.strictObject({}),
  message: v.unknown(),
  output: v.unknown(),
  run: async function* () {},
});

const withCode = (code: string) => (error: unknown) => error instanceof OperoneError && error.code === code;
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

class FakeSocket extends EventTarget {
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly sent: string[] = [];
  readyState = 0;
  bufferedAmount = 0;
  binaryType = "";
  onopen: (() => void) | undefined;
  onmessage: ((event: { readonly data: unknown }) => void) | undefined;
  onerror: (() => void) | undefined;

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  send(frame: string): void {
    this.sent.push(frame);
  }

  receive(...frames: readonly unknown[]): void {
    for (const frame of frames)
      this.onmessage?.({ data: frame instanceof ArrayBuffer ? frame : JSON.stringify(frame) });
  }

  close(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }
}

function begin(call: ClientCallOptions = {}, opening?: OpenWebSocket) {
  const socket = new FakeSocket();
  const opened: { readonly url: string; readonly protocols: readonly string[] }[] = [];
  const open: OpenWebSocket = (url, { protocols }) => {
    opened.push({ url, protocols });
    return socket as Partial<WebSocket> as WebSocket;
  };
  const exchange = exchangeOf(chat, "sample.chat", call);
  const url = "http://operone/v1/sample/chat";
  const answer = socketCall({
    exchange,
    operation: chat,
    url,
    headers: {},
    token: "t",
    call,
    open: opening ?? open,
  });
  return { socket, answer, opened };
}

async function itemsOf(answer: Promise<Answer>): Promise<unknown[]> {
  const given = await answer;
  const all: unknown[] = [];
  for await (const item of given.gives === "items" ? given.items : assert.fail()) all.push(item);
  return all;
}

async function* say(...values: readonly unknown[]): AsyncGenerator<unknown> {
  yield* values;
}

test("messages go out, items come in, and the token rides on a subprotocol", async () => {
  const { socket, answer, opened } = begin({ messages: say("a", { b: 1 }) });
  socket.open();
  socket.receive({ callId: "c1" }, { item: 1 }, { progress: { done: 1 } }, { item: 2 }, { end: true });
  assert.equal((await answer).callId, "c1");
  assert.deepEqual(await itemsOf(answer), [1, 2]);
  assert.deepEqual(socket.sent, ['{"message":"a"}', '{"message":{"b":1}}', '{"end":true}']);
  assert.deepEqual(opened, [{ url: "ws://operone/v1/sample/chat", protocols: ["operone.v1", "bearer.t"] }]);
  assert.equal(socket.readyState, 3);
});

test("a socket that closes before the end was cut off", async () => {
  const { socket, answer } = begin();
  socket.open();
  socket.receive({ callId: "c1" }, { item: 1 });
  const items = itemsOf(answer);
  socket.close();
  await assert.rejects(items, withCode("outcome_unknown"));
});

test("what is no frame of the node is no answer", async () => {
  for (const frame of [7, null, { item: 1 }]) {
    const { socket, answer } = begin();
    socket.open();
    socket.receive(frame);
    await assert.rejects(answer, withCode("outcome_unknown"), JSON.stringify(frame));
  }
});

test("the node's refusal is told with its code", async () => {
  const { socket, answer } = begin();
  socket.open();
  socket.receive({ error: { code: "forbidden", message: "No" } });
  await assert.rejects(answer, withCode("forbidden"));
});

test("a socket that never opens is unavailable; without one the call is unsupported", async () => {
  const { socket, answer } = begin();
  socket.onerror?.();
  await assert.rejects(answer, withCode("unavailable"));
  const exchange = exchangeOf(chat, "sample.chat", {});
  const none = {
    exchange,
    operation: chat,
    url: "http://x/",
    headers: {},
    token: undefined,
    call: {},
    open: undefined,
  };
  await assert.rejects(socketCall(none), withCode("unsupported"));
});

test("items that nobody reads have a limit", async () => {
  const { socket, answer } = begin();
  socket.open();
  socket.receive({ callId: "c1" });
  const given = await answer;
  for (let n = 0; n < 10_001; n++) socket.receive({ item: n });
  assert.equal(socket.readyState, 3);
  await assert.rejects(itemsOf(Promise.resolve(given)), withCode("limited"));
});

test("messages wait while the socket has not sent what it has", async () => {
  const { socket, answer } = begin({ messages: say(1, 2) });
  socket.bufferedAmount = 2 * 1024 * 1024;
  socket.open();
  socket.receive({ callId: "c1" });
  await answer;
  await turn();
  assert.deepEqual(socket.sent, []);
  socket.bufferedAmount = 0;
  while (socket.sent.length < 3) await turn();
});

test("an error of the messages' source, and a signal, end the call with their own code", async () => {
  const broken = async function* (): AsyncGenerator<unknown> {
    yield 1;
    throw new OperoneError("invalid_input", "Line 2 is no JSON");
  };
  const first = begin({ messages: broken() });
  first.socket.open();
  first.socket.receive({ callId: "c1" });
  await assert.rejects(itemsOf(first.answer), withCode("invalid_input"));
  const controller = new AbortController();
  const second = begin({ signal: controller.signal });
  second.socket.open();
  second.socket.receive({ callId: "c1" });
  const items = itemsOf(second.answer);
  controller.abort();
  await assert.rejects(items, withCode("cancelled"));
});
