import { expect, test } from "bun:test";
import fc from "fast-check";
import { bytesOfName, isNameText, textOfName } from "./name-text.ts";

test("an ordinary name is itself", () => {
  for (const name of ["a", "notes.md", "Übergröße", "日本", "👩‍👩‍👧", "e\u0301"])
    expect(textOfName(new TextEncoder().encode(name))).toBe(name);
});

test("every sequence of bytes has a well-formed text, and comes back from it", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.string({ unit: "binary", maxLength: 6 }).map((text) => new TextEncoder().encode(text)),
  );
  fc.assert(
    fc.property(bytes, (name) => {
      const text = textOfName(name);
      expect(text.isWellFormed()).toBe(true);
      expect(isNameText(text)).toBe(true);
      expect([...bytesOfName(text)]).toEqual([...name]);
    }),
    { numRuns: 3_000 },
  );
});

test("two names never share a text, also where a name holds the characters that stand for bytes", () => {
  const own = new TextEncoder().encode("\uf7ff");
  expect(textOfName(own)).not.toBe(textOfName(new Uint8Array([0xff])));
  expect([...bytesOfName(textOfName(own))]).toEqual([...own]);
});

test("a text that spells a name in another way than its own is told apart", () => {
  // The byte of the letter a.
  expect(isNameText("\uf7c3\uf7a4")).toBe(false);
  expect(isNameText("\uf7ff")).toBe(true);
});
