import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { caller, owner, sampleKernel } from "../../tests/surface/sample-node.ts";
import { OperoneError } from "../kernel/error.ts";
import { encodeBody } from "./mesh.ts";
import { type MeshChannel, memoryChannels } from "./mesh-channel.ts";
import { meshClient } from "./mesh-client.ts";
import { encodeFrame, type FrameKind, frameKind } from "./mesh-frames.ts";
import { meshServer, openRequestsBytesMax, unaryCallsMax, unaryChannelsMax } from "./mesh-server.ts";

const { view } = await sampleKernel();
const server = meshServer({
  view,
  identityOf: () => ({ caller, sets: owner }),
  monotonicMs: () => performance.now(),
});
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
const request = (operation: string, input: unknown = {}) => encodeBody({ operation, input }, "It");

function begin(): { readonly near: MeshChannel; readonly serving: Promise<void> } {
  const [near, far] = memoryChannels();
  return { near, serving: server.serve(far) };
}

/** Sends the chunks and waits until the server is done; the answers are read and thrown away. */
async function attack(...chunks: readonly Uint8Array[]): Promise<void> {
  const { near, serving } = begin();
  const reading = (async () => {
    for await (const _ of near.chunks);
  })().catch(() => {});
  for (const chunk of chunks) await near.send(chunk).catch(() => {});
  near.close();
  await serving;
  near.reset();
  await reading;
}

test("whatever comes, the server ends the channel and runs nothing on", async () => {
  const kinds = fc.constantFrom<FrameKind>(1, 2, 3, 4, 5);
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(
      request("sample.add", { a: 1, b: 2 }),
      request("sample.count", { to: 2 }),
      request("sample.chat"),
      request("sample.file", { sizeBytes: 5 }),
    ),
    fc.jsonValue().map((value) => encodeBody(value, "It")),
  );
  const frames = fc
    .tuple(kinds, fc.nat(2), bodies)
    .map(([kind, call, body]) => encodeFrame(kind, call, body));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(frames, fc.uint8Array({ maxLength: 30 })), { maxLength: 8 }),
      async (chunks) => {
        await attack(...chunks);
        while (view.callsInFlight() > 0) await turn();
      },
    ),
    { numRuns: 300 },
  );
});

test("whatever a node answers, the client fails with a code and never hangs", async () => {
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.record({ item: fc.jsonValue() }).map((body) => encodeBody(body, "It")),
    fc
      .constantFrom(
        { accepted: { gives: "items", callId: "c" } },
        { accepted: 1 },
        { end: true },
        { error: null },
        { value: 1 },
        [],
      )
      .map((body) => encodeBody(body, "It")),
  );
  const frames = fc
    .tuple(fc.constantFrom<FrameKind>(1, 2, 3, 4, 5), fc.nat(2), bodies)
    .map(([kind, call, body]) => encodeFrame(kind, call, body));
  const calls = fc.constantFrom("sample.add", "sample.count", "sample.file");
  await fc.assert(
    fc.asyncProperty(
      calls,
      fc.array(fc.oneof(frames, fc.uint8Array({ maxLength: 30 })), { maxLength: 8 }),
      async (id, chunks) => {
        const openChannel = async () => {
          const [near, far] = memoryChannels();
          void (async () => {
            for (const chunk of chunks) await far.send(chunk).catch(() => {});
            far.close();
          })();
          return near;
        };
        const whole = async () => {
          const answer = await meshClient({ openChannel, table: view.table }).call(id, {});
          if (answer.gives === "items") for await (const _ of answer.items);
          if (answer.gives === "bytes") for await (const _ of answer.bytes.open());
        };
        await whole().catch((error) => assert.ok(error instanceof OperoneError, String(error)));
      },
    ),
    { numRuns: 500 },
  );
});

test("calls without end on one channel are refused beyond the limit, and the rest goes on", async () => {
  const { near, serving } = begin();
  for (let call = 1; call <= unaryCallsMax + 1; call++) {
    await near.send(encodeFrame(frameKind.last, call, request("sample.slow")));
  }
  for await (const chunk of near.chunks) {
    assert.match(new TextDecoder().decode(chunk), /limited.*calls of this node are running/s);
    break;
  }
  near.reset();
  await serving;
  while (view.callsInFlight() > 0) await turn();
});

test("a unary channel carries no call that streams", async () => {
  const { near } = begin();
  await near.send(encodeFrame(frameKind.last, 1, request("sample.count", { to: 1 })));
  for await (const chunk of near.chunks) {
    assert.match(new TextDecoder().decode(chunk), /unsupported/);
    break;
  }
  near.reset();
});

test("an answer to a call that nobody made breaks the channel, and a late one does not", async () => {
  const answers: Uint8Array[] = [];
  const openChannel = async () => {
    const [near, far] = memoryChannels();
    void (async () => {
      for await (const _ of far.chunks) for (const answer of answers) await far.send(answer).catch(() => {});
    })().catch(() => {});
    return near;
  };
  const body = encodeBody({ value: { sum: 1 }, callId: "c" }, "It");
  answers.push(encodeFrame(frameKind.last, 7, body));
  const client = meshClient({ openChannel, table: view.table });
  await assert.rejects(
    client.call("sample.add", { a: 1, b: 0 }),
    (error) => error instanceof OperoneError && error.code === "outcome_unknown",
  );
  answers.splice(0, 1, encodeFrame(frameKind.last, 1, body), encodeFrame(frameKind.last, 1, body));
  const answer = await client.call("sample.add", { a: 1, b: 0 });
  assert.equal(answer.callId, "c");
});

test("a peer that reads no answers gets no more calls run, and goes on when it reads again", async () => {
  const done = () =>
    view
      .statistics()
      .filter(({ operation, code }) => operation === "sample.huge" && code === "ok")
      .reduce((sum, { count }) => sum + count, 0);
  const before = done();
  const { near, serving } = begin();
  const calls = 60;
  const sending = (async () => {
    for (let call = 1; call <= calls; call++)
      await near.send(encodeFrame(frameKind.last, call, request("sample.huge", { sizeBytes: 900_000 })));
  })();
  const settled = async () => {
    for (let seen = -1; seen !== done(); ) {
      seen = done();
      for (let at = 0; at < 20; at++) await turn();
    }
    return done() - before;
  };
  assert.ok((await settled()) < 20);
  let sizeBytes = 0;
  for await (const chunk of near.chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > calls * 900_000) break;
  }
  await sending;
  assert.equal(await settled(), calls);
  near.reset();
  await serving;
});

test("a peer has few channels of many calls, and a new one when another has ended", async () => {
  const opened = Array.from({ length: unaryChannelsMax }, begin);
  const add = encodeFrame(frameKind.last, 1, request("sample.add", { a: 1, b: 2 }));
  for (const { near } of opened) await near.send(add);
  const late = begin();
  await late.near.send(add);
  await late.serving;
  assert.equal(late.near.broken.aborted, true);
  opened[0]?.near.reset();
  await opened[0]?.serving;
  const { near, serving } = begin();
  await near.send(add);
  for await (const _ of near.chunks) break;
  for (const one of [...opened, { near, serving }]) one.near.reset();
  await Promise.all(opened.map((one) => one.serving));
});

test("a request that is not whole in time ends its channel, on one of many calls and on one of its own", async () => {
  const impatient = meshServer({
    view,
    identityOf: () => ({ caller, sets: owner }),
    monotonicMs: () => performance.now(),
    requestMsMax: 1,
  });
  for (const call of [0, 7]) {
    const [near, far] = memoryChannels();
    const serving = impatient.serve(far);
    await near.send(encodeFrame(frameKind.more, call, new Uint8Array(10)));
    await serving;
    assert.equal(near.broken.aborted, true);
  }
});

test("unfinished requests have a bound over all channels of a peer, and give their room back", async () => {
  const part = encodeFrame(frameKind.more, 0, new Uint8Array(60_000));
  const own = meshServer({ view, identityOf: () => ({ caller, sets: owner }), monotonicMs: () => 0 });
  const fill = async () => {
    let sentBytes = 0;
    const open: MeshChannel[] = [];
    const ended: Promise<void>[] = [];
    while (open.every(({ broken }) => !broken.aborted)) {
      const [near, far] = memoryChannels();
      open.push(near);
      ended.push(own.serve(far));
      for (let at = 0; at < 17 && !near.broken.aborted; at++) {
        await near.send(part).catch(() => {});
        sentBytes += 60_000;
        await turn();
      }
    }
    for (const near of open) near.reset();
    await Promise.all(ended);
    return sentBytes;
  };
  const first = await fill();
  assert.ok(
    first > openRequestsBytesMax - 1_200_000 && first < openRequestsBytesMax + 1_200_000,
    String(first),
  );
  assert.equal(await fill(), first);
});

test("a call id that is long, or holds other signs than an id has, ends the channel and is kept nowhere", async () => {
  for (const callId of ["\u4e00".repeat(64), "x".repeat(65), "a b", ""]) {
    const { near, serving } = begin();
    await near.send(
      encodeFrame(
        frameKind.last,
        0,
        encodeBody({ operation: "sample.add", input: { a: 1, b: 2 }, callId }, "It"),
      ),
    );
    await serving;
    assert.equal(near.broken.aborted, true);
  }
});
