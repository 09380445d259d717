import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleMesh } from "../../tests/surface/sample-mesh.ts";
import { caller, nobody, owner, sampleKernel } from "../../tests/surface/sample-node.ts";
import type { Call } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import { encodeBody } from "./mesh.ts";
import { type MeshChannel, memoryChannels } from "./mesh-channel.ts";
import { meshClient } from "./mesh-client.ts";
import { encodeFrame, frameKind } from "./mesh-frames.ts";
import { meshServer } from "./mesh-server.ts";

const { view } = await sampleKernel();
const withCode = (code: string) => (error: unknown) => error instanceof OperoneError && error.code === code;
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

async function idle(): Promise<void> {
  while (view.callsInFlight() > 0) await turn();
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function itemsOf(answer: Promise<Awaited<ReturnType<ReturnType<typeof meshClient>["call"]>>>) {
  const given = await answer;
  return given.gives === "items" ? given.items : assert.fail(given.gives);
}

test("unary calls share one channel and are answered as they end", async () => {
  const { client, channels } = sampleMesh(view);
  const slow = new AbortController();
  const never = client.call("sample.slow", {}, { signal: slow.signal });
  const sums = await Promise.all(
    Array.from({ length: 100 }, (_, a) => client.call("sample.add", { a, b: 1 })),
  );
  assert.deepEqual(
    sums.map((answer) => answer.gives === "value" && answer.value),
    Array.from({ length: 100 }, (_, a) => ({ sum: a + 1 })),
  );
  assert.equal(channels.length, 1);
  slow.abort();
  await assert.rejects(never, withCode("cancelled"));
  await idle();
});

test("a body of many frames comes whole, both ways", async () => {
  const { client } = sampleMesh(view);
  const answer = await client.call("sample.huge", { sizeBytes: 900_000 });
  assert.equal(answer.gives === "value" && String(answer.value).length, 900_000);
  const text = "y".repeat(200);
  const names = Array.from({ length: 15_000 }, (_, i) => `name ${i}`);
  const echo = await client.call("sample.echo", { text, names });
  assert.deepEqual(echo.gives === "value" && echo.value, {
    text,
    names,
    count: 3,
    deep: false,
    level: "info",
  });
});

test("what is over the limit is refused on the side that would send it", async () => {
  const { client } = sampleMesh(view);
  await assert.rejects(client.call("sample.huge", { sizeBytes: 1_100_000 }), withCode("too_large"));
  await assert.rejects(client.call("sample.echo", { text: "x".repeat(1_100_000) }), withCode("too_large"));
  assert.equal((await client.call("sample.near", {}).catch((error) => error)).code, "not_found");
});

test("items, bytes in, messages and parts of bytes each have a channel of their own", async () => {
  const { client, channels, served } = sampleMesh(view);
  assert.deepEqual(await collect(await itemsOf(client.call("sample.count", { to: 3 }))), [
    { n: 1 },
    { n: 2 },
    { n: 3 },
  ]);
  const chunks = async function* () {
    for (let i = 0; i < 10; i++) yield new Uint8Array(100_000);
  };
  const measured = await itemsOf(client.call("sample.measure", {}, { bytes: chunks() }));
  assert.deepEqual(await collect(measured), [{ total: 1_000_000 }]);
  const messages = async function* () {
    yield { say: "a" };
    yield { say: "b" };
  };
  const chat = await itemsOf(client.call("sample.chat", { greeting: "hi" }, { messages: messages() }));
  assert.deepEqual(await collect(chat), [{ heard: "hi" }, { heard: "a" }, { heard: "b" }]);
  const file = await client.call("sample.file", { sizeBytes: 100_000 });
  if (file.gives !== "bytes") return assert.fail();
  const { open, ...facts } = file.bytes;
  assert.deepEqual(facts, {
    mediaType: "text/plain",
    sizeBytes: 100_000,
    etag: "e100000",
    fileName: "\u00e4 b.txt",
  });
  const part = Buffer.concat(await collect(open({ start: 250, end: 260 })));
  assert.deepEqual([...part], [250, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.throws(() => open(), withCode("conflict"));
  assert.equal(channels.length, 4);
  await served();
});

test("an error after the first item or byte comes after it", async () => {
  const { client } = sampleMesh(view);
  const items = await itemsOf(client.call("sample.count", { to: 9, failAt: 3 }));
  const seen: unknown[] = [];
  await assert.rejects(async () => {
    for await (const item of items) seen.push(item);
  }, withCode("conflict"));
  assert.deepEqual(seen, [{ n: 1 }, { n: 2 }]);
  const file = await client.call("sample.file", { sizeBytes: 100_000, failAt: 30_000 });
  await assert.rejects(
    collect(file.gives === "bytes" ? file.bytes.open() : assert.fail()),
    withCode("conflict"),
  );
});

test("dropping the items or the bytes ends the call at the node", async () => {
  const { client } = sampleMesh(view);
  for await (const _ of await itemsOf(client.call("sample.forever", {}))) break;
  await idle();
  const unread = await itemsOf(client.call("sample.forever", {}));
  await unread[Symbol.asyncIterator]().return?.();
  await idle();
  const file = await client.call("sample.file", { sizeBytes: 10 });
  if (file.gives === "bytes") file.discard?.();
  await idle();
});

test("a signal ends a call at the node, whatever its shape", async () => {
  const { client } = sampleMesh(view);
  for (const id of ["sample.slow", "sample.forever"]) {
    const controller = new AbortController();
    const ended = client.call(id, {}, { signal: controller.signal }).then(async (answer) => {
      if (answer.gives === "items") await collect(answer.items);
    });
    while (view.callsInFlight() === 0) await turn();
    controller.abort();
    await assert.rejects(ended, withCode("cancelled"));
    await idle();
  }
});

test("a peer that leaves ends its calls, also when it says goodbye", async () => {
  const [near, far] = memoryChannels();
  const server = meshServer({ view, identityOf: () => ({ caller, sets: owner }), monotonicMs: () => 0 });
  const serving = server.serve(far);
  await near.send(encodeFrame(frameKind.last, 1, encodeBody({ operation: "sample.slow", input: {} }, "It")));
  while (view.callsInFlight() === 0) await turn();
  near.close();
  await serving;
  await idle();
  assert.equal(near.broken.aborted, false);
});

test("a deadline goes with the call and ends it at both ends", async () => {
  const { client } = sampleMesh(view);
  await assert.rejects(client.call("sample.slow", {}, { deadlineMs: 5 }), withCode("deadline"));
  await idle();
  const forever = await itemsOf(client.call("sample.forever", {}, { deadlineMs: 20 }));
  await assert.rejects(collect(forever), withCode("deadline"));
  await idle();
});

test("the node keeps a deadline even when the caller cannot", async () => {
  const [near, far] = memoryChannels();
  const server = meshServer({ view, identityOf: () => ({ caller, sets: owner }), monotonicMs: () => 0 });
  void server.serve(far);
  await near.send(
    encodeFrame(frameKind.last, 1, encodeBody({ operation: "sample.slow", input: {}, deadlineMs: 5 }, "It")),
  );
  for await (const chunk of near.chunks) {
    assert.match(new TextDecoder().decode(chunk), /deadline/);
    break;
  }
  near.reset();
});

test("a missing permission and an operation that is not on the mesh are refused", async () => {
  const { client } = sampleMesh(view, { sets: nobody });
  await assert.rejects(client.call("sample.add", { a: 1, b: 2 }), withCode("forbidden"));
  await assert.rejects(client.call("sample.count", { to: 1 }), withCode("forbidden"));
  await assert.rejects(client.call("sample.near", {}), withCode("not_found"));
  await assert.rejects(client.call("no.such", {}), withCode("not_found"));
});

test("the call id goes with the call, and the same call does not run twice within ten minutes", async () => {
  let nowMs = 0;
  const { client } = sampleMesh(view, { monotonicMs: () => nowMs });
  const answer = await client.call("sample.add", { a: 1, b: 2 }, { callId: "c7" });
  assert.equal(answer.callId, "c7");
  await assert.rejects(client.call("sample.add", { a: 1, b: 2 }, { callId: "c7" }), withCode("conflict"));
  nowMs = 10 * 60_000 + 1;
  await client.call("sample.add", { a: 1, b: 2 }, { callId: "c7" });
});

test("progress comes before the answer", async () => {
  const { client } = sampleMesh(view);
  const seen: unknown[] = [];
  await client.call("sample.add", { a: 1, b: 2 }, { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(seen, [{ done: 1, total: 2, unit: "numbers" }]);
});

test("an error of the caller's own bytes ends the call with that error", async () => {
  const { client } = sampleMesh(view);
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10);
    throw new OperoneError("not_found", "The file is gone");
  };
  await assert.rejects(
    client.call("sample.store", { name: "n" }, { bytes: broken() }),
    withCode("not_found"),
  );
  await idle();
});

test("a channel that breaks is unavailable for reads and outcome_unknown for writes", async () => {
  const { client, channels } = sampleMesh(view);
  const read = client.call("sample.slow", {});
  while (view.callsInFlight() === 0) await turn();
  channels[0]?.reset();
  await assert.rejects(read, withCode("unavailable"));
  await idle();
  const write = client.call("sample.store", { name: "n" }, { bytes: forever() });
  while (view.callsInFlight() === 0) await turn();
  channels[1]?.reset();
  await assert.rejects(write, withCode("outcome_unknown"));
  await idle();
  const again = await client.call("sample.add", { a: 1, b: 2 });
  assert.deepEqual(again.gives === "value" && again.value, { sum: 3 }, "a new channel is opened");
});

async function* forever(): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield new Uint8Array(1_000);
    await turn();
  }
}

test("a node that cannot be reached is unavailable, also for writes, because nothing was sent", async () => {
  const client = meshClient({ openChannel: () => Promise.reject(new Error("no route")), table: view.table });
  await assert.rejects(client.call("sample.add", { a: 1, b: 2 }), withCode("unavailable"));
  await assert.rejects(
    client.call("sample.store", { name: "n" }, { bytes: forever() }),
    withCode("unavailable"),
  );
});

test("bytes that the caller did not finish are never taken for the whole", async () => {
  const outcomes: Promise<unknown>[] = [];
  const watched = {
    table: view.table,
    call(call: Call) {
      const outcome = view.call(call);
      outcomes.push(outcome);
      return outcome;
    },
  };
  const [near, far] = memoryChannels();
  const server = meshServer({
    view: watched,
    identityOf: () => ({ caller, sets: owner }),
    monotonicMs: () => 0,
  });
  const serving = server.serve(far);
  const request = encodeBody({ operation: "sample.store", input: { name: "n" }, streams: true }, "It");
  await near.send(encodeFrame(frameKind.last, 0, request));
  await near.send(encodeFrame(frameKind.bytes, 0, new Uint8Array(10)));
  near.close();
  await serving;
  await assert.rejects(outcomes[0] ?? assert.fail(), withCode("cancelled"));
});

test("a slow reader holds its own call back, and no other", async () => {
  let received = 0;
  const counted = (channel: MeshChannel): MeshChannel => ({
    ...channel,
    chunks: (async function* () {
      for await (const chunk of channel.chunks) {
        received += chunk.length;
        yield chunk;
      }
    })(),
  });
  const { client } = sampleMesh(view, { wrap: counted });
  const file = await client.call("sample.file", { sizeBytes: 4_000_000 });
  const chunks = (file.gives === "bytes" ? file.bytes.open() : assert.fail())[Symbol.asyncIterator]();
  await chunks.next();
  for (let i = 0; i < 50; i++) await client.call("sample.add", { a: i, b: 0 });
  assert.ok(received < 500_000, `${received} bytes came although nobody reads`);
  await chunks.return?.();
  await idle();
});

test("an operation that takes bytes or messages is called without any, and does not wait for them", async () => {
  const { client } = sampleMesh(view);
  const measured = await itemsOf(client.call("sample.measure", {}));
  assert.deepEqual(await collect(measured), [{ total: 0 }]);
  const chat = await itemsOf(client.call("sample.chat", { greeting: "hi" }));
  assert.deepEqual(await collect(chat), [{ heard: "hi" }]);
});

test("a call that brings no bytes is one, so a person can be asked about it", async () => {
  const seen: Call[] = [];
  const watched = {
    table: view.table,
    call(call: Call) {
      seen.push(call);
      return view.call(call);
    },
  };
  const { client } = sampleMesh(watched);
  await collect(await itemsOf(client.call("sample.measure", {})));
  const bytes = async function* () {
    yield new Uint8Array(1);
  };
  await collect(await itemsOf(client.call("sample.measure", {}, { bytes: bytes() })));
  assert.deepEqual(
    seen.map((call) => call.bytes === undefined),
    [true, false],
  );
});
