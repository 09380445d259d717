import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { ByteText, byteText, partsOfText, type TextEncoding } from "./byte-text.ts";

const encodings: readonly TextEncoding[] = ["utf8", "base64"];

test("law: a string that is held as bytes is the same JSON as the string", () => {
  const text = fc.string({ unit: "binary" }).filter((one) => one.isWellFormed());
  fc.assert(
    fc.property(text, fc.constantFrom(...encodings), fc.nat(9), (one, encoding, before) => {
      const bytes = Buffer.from(one);
      // A part of a larger buffer, as chunks often are.
      const held = new ByteText(
        Buffer.concat([Buffer.alloc(before), bytes, bytes]).subarray(before, before + bytes.length),
        encoding,
      );
      const plain = bytes.toString(encoding);
      assert.equal(JSON.stringify({ held }), JSON.stringify({ held: plain }));
      assert.equal(`${held}`, plain);
      assert.deepEqual(Buffer.concat(partsOfText(held, encoding)), bytes);
      assert.deepEqual(Buffer.concat(partsOfText(plain, encoding)), bytes);
    }),
  );
});

test("a mark at the beginning is part of the string", () => {
  assert.equal(String(new ByteText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), "utf8")), "\u{feff}a");
});

test("the schema takes a string, held either way, and nothing else", () => {
  for (const value of ["", "a", new ByteText(new Uint8Array(), "utf8")]) assert.ok(v.is(byteText, value));
  for (const value of [undefined, null, 1, {}, new Uint8Array()]) assert.ok(!v.is(byteText, value));
});
