import { deepStrictEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { childFrame, encodedFrame, FrameReader } from "./child-frames.ts";

const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

test("frames come out as they went in, however the bytes are cut", () => {
  const values = [{ message: "é" }, { end: true }, { message: ["x".repeat(300)] }];
  const bytes = joined(...values.map(encodedFrame));
  for (const size of [1, 3, 7, bytes.length]) {
    const reader = new FrameReader();
    const found: unknown[] = [];
    for (let at = 0; at < bytes.length; at += size) found.push(...reader.push(bytes.subarray(at, at + size)));
    deepStrictEqual(found, values);
  }
});

test("what follows the first frame is given back as it came", () => {
  const reader = new FrameReader();
  const bytes = joined(encodedFrame({ a: 1 }), new Uint8Array([1, 2, 3]));
  deepStrictEqual(reader.first(bytes.subarray(0, 5)), undefined);
  deepStrictEqual(reader.first(bytes.subarray(5)), { value: { a: 1 } });
  deepStrictEqual([...reader.rest()], [1, 2, 3]);
  deepStrictEqual([...reader.rest()], []);
});

test("a frame that is too long is refused by its length alone, on both sides", () => {
  throws(() => encodedFrame("x".repeat(1_048_577)), { code: "too_large" });
  throws(() => [...new FrameReader().push(new Uint8Array([0xff, 0, 0, 0]))], { code: "invalid_input" });
});

test("what is no frame of a child is refused", () => {
  throws(() => [...new FrameReader().push(new Uint8Array([0, 0, 0, 1, 0x7b]))], { code: "invalid_input" });
  throws(() => [...new FrameReader().push(new Uint8Array([0, 0, 0, 1, 0xff]))], { code: "invalid_input" });
  for (const value of [null, 7, {}, { end: 1 }, { error: {} }, { error: { code: "no", message: "x" } }])
    throws(() => childFrame(value), { code: "invalid_input" });
  deepStrictEqual(childFrame({ error: { code: "limited", message: "x" } }), {
    error: { code: "limited", message: "x" },
  });
});
