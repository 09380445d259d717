import { expect, test } from "bun:test";
import fc from "fast-check";
import { fromCrockford, toCrockford } from "./crockford.ts";

test("bytes come back from their text, in capitals too", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const text = toCrockford(bytes);
      expect(fromCrockford(text)).toEqual(bytes);
      expect(fromCrockford(text.toUpperCase())).toEqual(bytes);
    }),
  );
});

test("what people confuse is read as what was meant", () => {
  expect(fromCrockford("oOiIlL01")).toEqual(fromCrockford("00111101"));
});

test("the place of a character that is none of the 32 is told", () => {
  expect(fromCrockford("00u0")).toBe(2);
  expect(fromCrockford("é")).toBe(0);
});
