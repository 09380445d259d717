import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { capturedIo } from "../../tests/surface/captured-io.ts";
import type { Operation } from "../kernel/operation.ts";
import { operationsOf } from "../kernel/operation.ts";
import { runCli } from "./cli.ts";
import type { CliTerminal } from "./cli-io.ts";
import type { ClientCallOptions, OperationClient } from "./client.ts";

const op = operationsOf<undefined>("box");
const attach = op({
  name: "attach",
  summary: "Type into a box",
  effect: "destroy",
  needs: ["box.use"],
  surfaces: ["cli", "mesh"],
  takes: "messages",
  gives: "items",
  input: v.strictObject({ box: v.string() }),
  output: v.strictObject({ text: v.string() }),
  message: v.unknown(),
  cli: {
    positional: ["box"],
    render: ({ text }) => ({ stdout: text }),
    exit: ({ text }) => (text === "bye" ? 7 : 0),
    terminal: {
      typed: (bytes) => ({ typed: new TextDecoder().decode(bytes) }),
      resized: (columns, rows) => ({ columns, rows }),
    },
  },
  run: async function* () {},
});
const start = op({
  name: "start",
  summary: "Start a box",
  effect: "destroy",
  needs: ["box.use"],
  surfaces: ["cli", "mesh"],
  input: v.strictObject({}),
  output: v.strictObject({ box: v.string() }),
  cli: { further: ({ box }) => ({ operation: "box.attach", input: { box } }) },
  run: () => ({ box: "b1" }),
});
const table = new Map([attach, start].map((one) => [one.id, one as Operation]));

type Event = Uint8Array | { readonly columns: number; readonly rows: number };
const keys = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A terminal with these events, and a node that notes the messages and answers with `items` once all are sent. */
async function attached(argv: readonly string[], events: readonly Event[], items: AsyncIterable<unknown>) {
  const messages: unknown[] = [];
  const calls: unknown[] = [];
  let restored = 0;
  const openTerminal = (): CliTerminal => ({
    events: (async function* () {
      yield* events;
    })(),
    restore: () => {
      restored += 1;
    },
  });
  const client: OperationClient = {
    async call(id, input, options: ClientCallOptions = {}) {
      calls.push([id, input, options.node]);
      if (id === "box.start") return { gives: "value", callId: "1", value: { box: "b1" } };
      for await (const message of options.messages ?? []) messages.push(message);
      options.signal?.throwIfAborted();
      return { gives: "items", callId: "2", items };
    },
  };
  const io = capturedIo({ tty: { stdin: true, stdout: true, stderr: true } });
  const exit = await runCli({ argv, table, modules: [], commands: [], client, io: { ...io, openTerminal } });
  return { exit, messages, calls, restored, out: io.out(), err: io.err() };
}

async function* said(...texts: readonly string[]): AsyncGenerator<unknown> {
  for (const text of texts) yield { text };
}

test("keys and sizes become messages, and the terminal is given back at the end", async () => {
  const size = { columns: 90, rows: 20 };
  const done = await attached(["box", "attach", "b1"], [size, keys("ls\r"), keys("\x03")], said("a", "bye"));
  assert.deepEqual(done.messages, [size, { typed: "ls\r" }, { typed: "\x03" }]);
  assert.deepEqual([done.exit, done.out, done.restored], [7, "abye", 1]);
  assert.match(done.err, /Ctrl-\] detaches/);
});

test("the detach key ends the call, without a failure, after what was typed before it", async () => {
  const done = await attached(["box", "attach", "b1"], [keys("a\x1db"), keys("c")], said("never"));
  assert.deepEqual(done.messages, [{ typed: "a" }]);
  assert.deepEqual([done.exit, done.out, done.restored], [0, "", 1]);
});

test("a start goes on with its further call at a terminal, on the same node", async () => {
  const done = await attached(["box", "start", "--node", "pi"], [], said("x"));
  assert.deepEqual(
    done.calls.map((call) => JSON.stringify(call)),
    ['["box.start",{},"pi"]', '["box.attach",{"box":"b1"},"pi"]'],
  );
  assert.equal(done.out, "x");
});

test("a failure gives the terminal back and is told", async () => {
  const failing = (async function* () {
    yield { text: "half" };
    throw new Error("lost");
  })();
  const done = await attached(["box", "attach", "b1"], [], failing);
  assert.deepEqual([done.exit, done.restored], [1, 1]);
  assert.match(done.err, /lost/);
});

test("with --json nothing is taken over: messages are lines, and a value is shown", async () => {
  const done = await attached(["box", "start", "--json"], [], said("x"));
  assert.deepEqual([done.calls.length, done.restored, done.out], [1, 0, '{"box":"b1"}\n']);
});
