import { expect, test } from "bun:test";
import { applyPatch } from "diff";
import fc from "fast-check";
import { hunkBytesMax, textDiff } from "./text-diff.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("the hunks of two texts make the second one of the first", () => {
  const text = fc
    .array(fc.constantFrom("a", "b", "", "ü\t", "c\r"), { maxLength: 30 })
    .map((all) => all.join("\n"));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const found = textDiff("x", bytes(before), bytes(after));
      if (found === undefined && before === after) return;
      if (found === undefined || !("diff" in found)) throw new Error("short texts have hunks");
      expect(applyPatch(before, found.diff)).toBe(after);
    }),
  );
});

test("a text that is new or gone is one against nothing", () => {
  expect(textDiff("p", null, bytes("a\n"))).toEqual({
    diff: "--- /dev/null\n+++ b/p\n@@ -0,0 +1,1 @@\n+a\n",
  });
  expect(textDiff("p", bytes("a\n"), null)).toEqual({
    diff: "--- a/p\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n",
  });
});

test("a name with a line end cannot pose as a line of the hunks", () => {
  const found = textDiff("x\n+++ b/y", bytes("a"), bytes("b"));
  expect(found !== undefined && "diff" in found && found.diff.split("\n")[0]).toBe('--- "a/x\\n+++ b/y"');
});

test("bytes that are no text have no hunks, and texts that differ too much a word instead", () => {
  expect(textDiff("p", Uint8Array.of(0xff), bytes("a"))).toBeUndefined();
  expect(textDiff("p", bytes("a"), Uint8Array.of(97, 0))).toBeUndefined();
  const many = (sign: string) => bytes(Array.from({ length: 3_000 }, (_, at) => `${sign}${at}`).join("\n"));
  expect(textDiff("p", many("a"), many("b"))).toEqual({ note: expect.stringContaining("lines differ") });
  const long = textDiff("p", bytes("a"), bytes("b".repeat(hunkBytesMax)));
  expect(long).toEqual({ note: expect.stringContaining("too long") });
});
