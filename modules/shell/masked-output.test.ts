import { expect, test } from "bun:test";
import type { Child } from "../../src/kernel/ports.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { maskedChild } from "./masked-output.ts";

/** A child whose stdout is what the test puts into it. */
function childOf(terminal: boolean) {
  const queue: (string | undefined)[] = [];
  let wake = () => {};
  let returned = false;
  const stdout: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        while (queue.length === 0) {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          await promise;
        }
        const text = queue.shift();
        return text === undefined
          ? { done: true, value: undefined }
          : { done: false, value: Buffer.from(text) };
      },
      async return() {
        returned = true;
        return { done: true, value: undefined };
      },
    }),
  };
  const child: Child = {
    ...{ pid: 1, stdout, stderr: (async function* () {})() },
    ...(terminal ? { terminal: { resize: () => {} } } : {}),
    exited: Promise.resolve({ code: 0, signal: null }),
    writeStdin: async () => {},
    closeStdin: () => {},
    kill: () => true,
  };
  const say = (text?: string) => {
    queue.push(text);
    wake();
  };
  return { child, say, wasReturned: () => returned };
}

function reader(child: Child, clock = simulatedClock()) {
  const masked = maskedChild(child, { key: "hunter2!" }, clock);
  const iterator = masked.stdout[Symbol.asyncIterator]();
  const next = async () => {
    const step = await iterator.next();
    return step.done === true ? undefined : Buffer.from(step.value).toString();
  };
  return { masked, iterator, next, clock };
}

test("a child without secrets is the child itself", () => {
  const { child } = childOf(false);
  expect(maskedChild(child, {}, simulatedClock())).toBe(child);
});

test("what may be the beginning of a secret waits for the rest, and comes at the end", async () => {
  const { child, say } = childOf(false);
  const { next } = reader(child);
  say("a hun");
  expect(await next()).toBe("a ");
  say("ter2! b hunt");
  expect(await next()).toBe("[secret key] b ");
  say();
  expect(await next()).toBe("hunt");
  expect(await next()).toBeUndefined();
});

test("at a terminal it is shown when nothing more comes for a while", async () => {
  const { child, say } = childOf(true);
  const { next, clock } = reader(child);
  say("$ h");
  expect(await next()).toBe("$ ");
  const waiting = next();
  await clock.advance(100);
  expect(await waiting).toBe("h");
  say("unter2!");
  expect(await next()).toBe("unter2!");
});

test("whoever stops reading closes the pipe at once, even while it waits", async () => {
  const { child, wasReturned } = childOf(false);
  const { iterator } = reader(child);
  void iterator.next();
  await iterator.return?.();
  expect(wasReturned()).toBe(true);
});
