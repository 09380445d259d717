import { expect, test } from "bun:test";
import fc from "fast-check";
import { FrameGuard } from "./frame-guard.ts";

const everything = { bytesMax: Number.POSITIVE_INFINITY, streamsMax: Number.POSITIVE_INFINITY };
const guard = (allowance = everything) =>
  new FrameGuard({ frameBytesMax: 1_000, allowance: () => allowance });

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly length: number;
}

function encode({ type, flags, stream, length }: Frame): Uint8Array {
  const bytes = new Uint8Array(12 + (type === 0 ? Math.min(length, 1_000) : 0)).fill(0xff);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0);
  view.setUint8(1, type);
  view.setUint16(2, flags);
  view.setUint32(4, stream);
  view.setUint32(8, length);
  return bytes;
}

const frame = fc.record({
  type: fc.nat(3),
  flags: fc.nat(15),
  stream: fc.nat(9),
  length: fc.nat(1_000),
});

/** The same bytes, cut at other places. */
function* pieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 });

test("frames within the limits pass, wherever they are cut", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), cuts, (frames, sizes) => {
      const one = guard();
      for (const piece of pieces(Buffer.concat(frames.map(encode)), sizes)) {
        expect(one.inspect(piece)).toBeUndefined();
      }
    }),
  );
});

test("a data frame above the limit is found by its header, before its bytes come", () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 10 }),
      cuts,
      fc.integer({ min: 1_001, max: 0xffff_ffff }),
      (frames, sizes, length) => {
        const one = guard();
        const header = encode({ type: 0, flags: 0, stream: 1, length }).subarray(0, 12);
        const bytes = Buffer.concat([...frames.map(encode), header]);
        const found = [...pieces(bytes, sizes)].map((piece) => one.inspect(piece));
        expect(found.at(-1)).toContain(String(length));
        expect(found.slice(0, -1)).toEqual(found.slice(0, -1).map(() => undefined));
      },
    ),
  );
});

test("a connection with an allowance may send and open so much in all", () => {
  const update = encode({ type: 1, flags: 1, stream: 3, length: 0 });
  const streams = guard({ ...everything, streamsMax: 3 });
  expect([1, 2, 3].map(() => streams.inspect(update))).toEqual([undefined, undefined, undefined]);
  // A ping begins with the same flag, and opens nothing.
  expect(streams.inspect(encode({ type: 2, flags: 1, stream: 0, length: 7 }))).toBeUndefined();
  expect(streams.inspect(update)).toContain("3 streams");
  const little = guard({ ...everything, bytesMax: 24 });
  expect(little.inspect(update)).toBeUndefined();
  expect(little.inspect(update)).toBeUndefined();
  expect(little.inspect(update.subarray(0, 1))).toContain("24 bytes");
});
