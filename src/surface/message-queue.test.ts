import assert from "node:assert/strict";
import { test } from "node:test";
import { OperoneError } from "../kernel/error.ts";
import { MessageQueue } from "./message-queue.ts";

const limited = (error: unknown) => error instanceof OperoneError && error.code === "limited";

test("messages are read in the order in which they came, and those before the end are all read", async () => {
  const queue = new MessageQueue(10, 100);
  const seen: unknown[] = [];
  queue.push(1, 1);
  const reading = (async () => {
    for await (const message of queue) seen.push(message);
  })();
  await Promise.resolve();
  queue.push(2, 1);
  queue.push(3, 1);
  queue.end();
  queue.push(4, 1);
  await reading;
  assert.deepEqual(seen, [1, 2, 3]);
});

test("too many messages, or too many bytes of them, are refused until some are read", async () => {
  const queue = new MessageQueue(2, 100);
  queue.push("a", 60);
  assert.throws(() => queue.push("b", 60), limited);
  queue.push("b", 40);
  assert.throws(() => queue.push("c", 0), limited);
  await queue.next();
  queue.push("c", 60);
  assert.deepEqual(await queue.next(), { done: false, value: "b" });
});
