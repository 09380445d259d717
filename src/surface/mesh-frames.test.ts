import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type MeshChannel, memoryChannels } from "./mesh-channel.ts";
import {
  Bodies,
  bodyBytesMax,
  encodeFrame,
  type Frame,
  FrameWriter,
  frameBytesMax,
  frameKind,
  framesOf,
  MeshProtocolError,
  openBodiesMax,
  payloadBytesMax,
} from "./mesh-frames.ts";

async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const { kind, call, payload } of framesOf(chunks))
    frames.push({ kind, call, payload: new Uint8Array(payload) });
  return frames;
}

function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
}

const plain = { noNullPrototype: true } as const;
const anyFrame = fc.oneof(
  fc.record(
    {
      kind: fc.constantFrom(frameKind.more, frameKind.bytes),
      call: fc.nat(),
      payload: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    },
    plain,
  ),
  fc.record(
    { kind: fc.constant(frameKind.last), call: fc.nat(), payload: fc.uint8Array({ maxLength: 300 }) },
    plain,
  ),
  fc.record(
    {
      kind: fc.constantFrom(frameKind.cancel, frameKind.inputEnd),
      call: fc.nat(),
      payload: fc.constant(new Uint8Array(0)),
    },
    plain,
  ),
);

test("frames survive whatever the chunks cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyFrame, { maxLength: 10 }), fc.array(fc.nat(200)), async (frames, sizes) => {
      const bytes = Buffer.concat(frames.map(({ kind, call, payload }) => encodeFrame(kind, call, payload)));
      assert.deepEqual(await collect(chunksOf(...split(bytes, sizes))), frames);
    }),
    { numRuns: 300 },
  );
});

test("garbage is frames or a protocol error, never anything else", async () => {
  const short = fc.uint8Array({ maxLength: 60 }).map((bytes) => {
    // Otherwise nearly every length is over the limit, and nothing behind it is tried.
    if (bytes.length > 2) bytes.fill(0, 0, 3);
    return bytes;
  });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(short, fc.uint8Array({ maxLength: 60 })),
      fc.array(fc.nat(20)),
      async (bytes, sizes) => {
        await collect(chunksOf(...split(bytes, sizes))).catch((error) => {
          assert.ok(error instanceof MeshProtocolError, String(error));
        });
      },
    ),
    { numRuns: 2_000 },
  );
});

const refused = (bytes: readonly number[], why: RegExp) =>
  assert.rejects(
    collect(chunksOf(Uint8Array.from(bytes))),
    (error) => error instanceof MeshProtocolError && why.test(error.message),
  );

test("lengths, kinds and payloads that cannot be are refused at once", async () => {
  await refused([0, 0, 0, 4, 1, 0, 0, 0], /a frame of 4 bytes/);
  await refused([0, 0, 0xff, 0xff], /a frame of 65535 bytes/);
  await refused([0xff, 0xff, 0xff, 0xff], /a frame of 4294967295 bytes/);
  await refused([0, 0, 0, 5, 9, 0, 0, 0, 1], /unknown kind 9/);
  await refused([0, 0, 0, 6, 3, 0, 0, 0, 1, 0], /too many/);
  await refused([0, 0, 0, 5, 1, 0, 0, 0, 1], /an empty frame/);
  await refused([0, 0, 0, 5, 3, 0, 0, 0], /ended within a frame/);
});

test("one byte at a time costs one copy, not one for every byte", async () => {
  const frame = encodeFrame(frameKind.last, 1, new Uint8Array(payloadBytesMax));
  const single = split(frame, new Array(frame.length).fill(1));
  // Copying the rest for each chunk would move 2 GB here, which takes longer than a test may.
  const [whole] = await collect(chunksOf(...single));
  assert.equal(whole?.payload.length, payloadBytesMax);
});

test("a body is put together again, and is refused above its limit", () => {
  const bodies = new Bodies();
  const part = new Uint8Array(payloadBytesMax).fill(7);
  assert.equal(bodies.add({ kind: frameKind.more, call: 1, payload: part }), undefined);
  assert.equal(bodies.add({ kind: frameKind.last, call: 2, payload: part })?.length, part.length);
  assert.equal(bodies.add({ kind: frameKind.last, call: 1, payload: part })?.length, 2 * part.length);
  const fill = () => {
    for (let sent = 0; sent <= bodyBytesMax; sent += part.length)
      bodies.add({ kind: frameKind.more, call: 3, payload: part });
  };
  assert.throws(fill, MeshProtocolError);
});

test("bodies that are begun and never ended have a limit", () => {
  const bodies = new Bodies();
  const begin = (call: number) => bodies.add({ kind: frameKind.more, call, payload: Uint8Array.of(1) });
  for (let call = 1; call <= openBodiesMax; call++) begin(call);
  bodies.drop(1);
  begin(0);
  assert.throws(() => begin(openBodiesMax + 1), MeshProtocolError);
});

test("bodies that are begun have a limit in bytes together", () => {
  const bodies = new Bodies();
  const part = new Uint8Array(payloadBytesMax);
  const fill = () => {
    for (let call = 1; call < openBodiesMax; call++) {
      for (let parts = 0; parts < 10; parts++) bodies.add({ kind: frameKind.more, call, payload: part });
    }
  };
  assert.throws(fill, /unfinished bodies/);
});

/** A channel that keeps what is sent, and takes it when it is told to. */
function slowChannel(): { readonly channel: MeshChannel; readonly sent: Uint8Array[]; take(): void } {
  const [end] = memoryChannels();
  const sent: Uint8Array[] = [];
  let gate = Promise.withResolvers<void>();
  return {
    sent,
    channel: {
      ...end,
      async send(chunk) {
        sent.push(chunk.slice());
        await gate.promise;
      },
    },
    take() {
      gate.resolve();
      gate = Promise.withResolvers();
    },
  };
}

test("frames that are written together go together, within the limit of a chunk", async () => {
  const { channel, sent, take } = slowChannel();
  const writer = new FrameWriter(channel);
  for (let call = 1; call <= 100; call++) void writer.frame(frameKind.last, call, new Uint8Array(1_000));
  const done = writer.flushed();
  while (sent.reduce((sum, chunk) => sum + chunk.length, 0) < 100 * 1_009) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    take();
  }
  await done;
  assert.ok(sent.length <= 3, `${sent.length} chunks`);
  assert.ok(sent.every((chunk) => chunk.length <= frameBytesMax));
  assert.equal((await collect(chunksOf(...sent))).length, 100);
});

test("a writer waits for its channel, so that a slow peer slows it down", async () => {
  const { channel, sent, take } = slowChannel();
  const writer = new FrameWriter(channel);
  let written = 0;
  const writing = (async () => {
    for (; written < 10; written++) await writer.bytes(0, new Uint8Array(payloadBytesMax));
  })();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(written <= 1, `${written} frames were taken while the channel took none`);
  assert.equal(sent.length, 1);
  while (written < 10) {
    take();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await writing;
});
