import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteText } from "../kernel/byte-text.ts";
import { OperoneError } from "../kernel/error.ts";
import { decodeAnswer, decodeBody, encodeBody } from "./mesh.ts";
import { bodyBytesMax, MeshProtocolError } from "./mesh-frames.ts";
import { containersMax, depthMax } from "./mesh-scan.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const refused = (data: Uint8Array, why: RegExp) =>
  assert.throws(
    () => decodeBody(data),
    (error) => error instanceof MeshProtocolError && why.test(error.message),
  );

test("every JSON value survives the way into MessagePack and back", () => {
  const keys = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("__proto__", "constructor", "toJSON", "length"),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: "binary" }),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 20 }),
      fc.array(fc.tuple(keys, tie("value")), { maxLength: 20 }).map((pairs) => Object.fromEntries(pairs)),
    ),
  }));
  fc.assert(
    fc.property(value, (json) => {
      assert.deepEqual(decodeBody(encodeBody(json, "It")), json);
    }),
    { numRuns: 1_000 },
  );
});

test("a value that is no plain JSON becomes what JSON.stringify would make of it", () => {
  class Point {
    x = 1;
    hidden = undefined;
  }
  const value = {
    at: new Date(0),
    none: undefined,
    list: [undefined, Number.NaN, () => 1],
    point: new Point(),
  };
  assert.deepEqual(decodeBody(encodeBody(value, "It")), JSON.parse(JSON.stringify(value)));
});

test("what cannot be sent is refused by name before it is sent", () => {
  const code = (value: unknown, wanted: string) =>
    assert.throws(
      () => encodeBody(value, "The input"),
      (error) =>
        error instanceof OperoneError && error.code === wanted && error.message.startsWith("The input"),
    );
  code("x".repeat(bodyBytesMax), "too_large");
  code({ a: "\ud800" }, "invalid_input");
  code({ "\udc00": 1 }, "invalid_input");
  let deep: unknown = null;
  for (let i = 0; i <= depthMax; i++) deep = [deep];
  code(deep, "invalid_input");
  const cycle: unknown[] = [];
  cycle.push(cycle);
  code(cycle, "invalid_input");
});

test("types that JSON has not are refused", () => {
  refused(bytes(0xc1), /0xc1/);
  refused(bytes(0xc4, 1, 0), /0xc4/);
  refused(bytes(0xd6, 0xff, 0, 0, 0, 0), /0xd6/);
  refused(bytes(0xcf, 0, 0, 0, 0, 0, 0, 0, 1), /0xcf/);
  refused(bytes(0xd4, 0x72, 0x40), /0xd4/);
  refused(bytes(0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0), /NaN/);
  refused(bytes(0x81, 0x01, 0x01), /a key/);
});

test("cut-off, trailing and lying data is refused", () => {
  refused(bytes(), /cut off/);
  refused(bytes(0xa2, 0x61), /cut off/);
  refused(bytes(0xdd, 0xff, 0xff, 0xff, 0xff), /cut off/);
  refused(bytes(0xdf, 0x7f, 0xff, 0xff, 0xff, 0xa0), /cut off/);
  refused(bytes(0x01, 0x02), /1 bytes after/);
  refused(bytes(0xa1, 0xff), /UTF-8/);
});

test("a key that comes twice is refused, also with another length of its length", () => {
  refused(bytes(0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2), /twice/);
  refused(bytes(0x82, 0xa1, 0x61, 1, 0xd9, 1, 0x61, 2), /twice/);
});

test("deep nesting and masses of lists are refused", () => {
  refused(new Uint8Array(depthMax + 2).fill(0x91), /nested deeper/);
  const lists = new Uint8Array(containersMax + 6).fill(0x90);
  lists.set([
    0xdd,
    0,
    (containersMax + 1) >> 16,
    ((containersMax + 1) >> 8) & 0xff,
    (containersMax + 1) & 0xff,
  ]);
  refused(lists, /lists and maps/);
});

test("garbage is either a JSON value or a protocol error, never anything else", () => {
  const mutated = fc
    .tuple(fc.jsonValue(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }))
    .map(([value, changes]) => {
      const body = encodeBody(value, "It");
      for (const [at, byte] of changes) body[at % body.length] = byte;
      return body;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (garbage) => {
      try {
        const value = decodeBody(garbage);
        assert.deepEqual(JSON.parse(JSON.stringify(value)), value);
      } catch (error) {
        assert.ok(error instanceof MeshProtocolError, String(error));
      }
    }),
    { numRuns: 5_000 },
  );
});

test("a string that is held as bytes arrives as bytes, and is the same JSON", () => {
  const text = fc.string({ unit: "grapheme" }).map((value) => new ByteText(Buffer.from(value), "utf8"));
  const raw = fc
    .array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 })
    .map((parts) => new ByteText(parts, "base64"));
  fc.assert(
    fc.property(fc.oneof(text, raw), (held) => {
      const value = { item: [{ text: held, __proto__x: 1 }] };
      const arrived = decodeAnswer(encodeBody(value, "It")) as typeof value;
      const back = arrived.item[0]?.text;
      assert.ok(back instanceof ByteText && back.encoding === held.encoding);
      assert.deepEqual(Buffer.concat(back.parts), Buffer.concat(held.parts));
      assert.equal(JSON.stringify(arrived), JSON.stringify(value));
    }),
  );
});

test("bytes for a string are for answers alone, must be what they say, and nothing else is an extension", () => {
  const held = encodeBody(new ByteText(Buffer.from("abc"), "utf8"), "It");
  refused(held, /type 0x/);
  const answer = (data: Uint8Array, why: RegExp) =>
    assert.throws(
      () => decodeAnswer(data),
      (error) => error instanceof MeshProtocolError && why.test(error.message),
    );
  answer(bytes(0xd4, 1, 0xff), /no UTF-8/);
  answer(bytes(0xc7, 2, 1, 0xc3, 0x28), /no UTF-8/);
  for (const type of [0, 3, 0x70, 0xff]) answer(bytes(0xd4, type, 0), /type 0xd4/);
  answer(bytes(0xc9, 0xff, 0xff, 0xff, 0xff, 2, 0), /cut off/);
  answer(bytes(0xc4, 1, 0), /type 0xc4/);
});
