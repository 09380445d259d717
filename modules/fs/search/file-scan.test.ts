import { expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { FileScan, lineLengthMax } from "./file-scan.ts";
import { matcherOf } from "./matcher.ts";
import type { Query } from "./query.ts";

const usual: Query = {
  ...{ pattern: "needle", fixed: false, ignoreCase: false, word: false, before: 0, after: 0 },
  ...{ perFileMax: 1_000, limit: 1_000, fileBytesMax: 1_000_000 },
};

function scanned(bytes: Uint8Array, more: Partial<Query> = {}, chunkBytes = bytes.length) {
  const query = { ...usual, ...more };
  const scan = new FileScan(query, matcherOf(query));
  const all = Buffer.from(bytes);
  let at = 0;
  do {
    const chunk = Buffer.from(all.subarray(at, at + chunkBytes));
    at += chunk.length;
    if (!scan.push(chunk, at >= all.length)) break;
  } while (at < all.length);
  const { found, ...rest } = scan.outcome();
  const texts = found.lines.length === 0 ? [] : found.text.split("\n");
  const lines = found.lines.map((line, index) => `${line}:${found.columns[index]}:${texts[index]}`);
  return { lines, around: found.around, ...rest };
}

test("whatever pieces the bytes come in, the same lines are found as line by line", () => {
  const sign = fc.constantFrom("a", "b", " ", "\u00e4", "\u20ac", "\ud83d\ude00", "\r\n", "\n", "\n", "ab");
  const text = fc.array(sign, { maxLength: 60 }).map((all) => all.join(""));
  const patterns = fc.constantFrom(
    "ab",
    "a",
    "b+ ",
    "[ab]\u00e4",
    "^a",
    "b$",
    "\u20ac",
    "a.b",
    "x|ab",
    "[ab] b",
    "\\p{L}a",
  );
  fc.assert(
    fc.property(
      text,
      patterns,
      fc.integer({ min: 1, max: 70 }),
      fc.boolean(),
      (content, pattern, size, ignoreCase) => {
        const split = content.split("\n");
        const lines = content.endsWith("\n") || content === "" ? split.slice(0, -1) : split;
        const regex = new RegExp(pattern, ignoreCase ? "ui" : "u");
        const expected = lines.flatMap((line, at) => {
          const shown = line.replace(/\r$/, "");
          const match = regex.exec(shown);
          return match === null ? [] : [`${at + 1}:${match.index + 1}:${shown}`];
        });
        expect(scanned(Buffer.from(content), { pattern, ignoreCase }, size).lines).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});

test("the lines around come along, over the ends of pieces too", () => {
  const bytes = Buffer.from("1\n2\n3\nneedle\n5\n6\n7\nneedle\n");
  for (const size of [1, 4, 9, 100])
    expect(scanned(bytes, { before: 2, after: 2 }, size)).toMatchObject({
      lines: ["4:1:needle", "8:1:needle"],
      around: [
        { before: ["2", "3"], after: ["5", "6"] },
        { before: ["6", "7"], after: [] },
      ],
    });
});

test("UTF-16, Windows-1252 and a mark in front are understood", () => {
  const wide = Buffer.from("\ufeffein \u00dcber needle\r\nx", "utf16le");
  const old = Buffer.from("\u00fcber needle\n", "latin1");
  for (const size of [3, 100]) {
    expect(scanned(wide, {}, size).lines).toEqual(["1:10:ein \u00dcber needle"]);
    expect(scanned(Buffer.from(wide).swap16(), {}, size).lines).toEqual(["1:10:ein \u00dcber needle"]);
  }
  expect(scanned(old).lines).toEqual(["1:6:\u00fcber needle"]);
  expect(scanned(old, { pattern: "\u00fcber" }).lines).toEqual(["1:1:\u00fcber needle"]);
  expect(scanned(Buffer.from("\ufeffneedle")).lines).toEqual(["1:1:needle"]);
});

test("what is no text is left out, and what has a zero further behind ends there", () => {
  expect(scanned(Buffer.from("needle\0\xff"))).toMatchObject({ lines: [], binary: true });
  const late = Buffer.from(`needle\n${"x".repeat(70_000)}\n\0needle\n`);
  expect(scanned(late, {}, 65_536)).toMatchObject({ lines: ["1:1:needle"], binary: true });
});

test("no more lines than asked for, and of a long one its beginning", () => {
  const bytes = Buffer.from("needle\n".repeat(10));
  expect(scanned(bytes, { perFileMax: 3 })).toMatchObject({ lines: { length: 3 }, limited: true });
  expect(scanned(bytes, { perFileMax: 10 })).toMatchObject({ lines: { length: 10 }, limited: false });
  const long = scanned(Buffer.from(`${"\ud83d\ude00".repeat(3_000)}needle`)).lines[0] ?? "";
  expect(long).toStartWith("1:6001:");
  expect(long.length - "1:6001:".length).toBe(lineLengthMax);
  expect(scanned(Buffer.from(`x${"\ud83d\ude00".repeat(3_000)}needle`)).lines[0]?.isWellFormed()).toBe(true);
});

test("bytes that are no characters hide nothing beside them", () => {
  const late = Buffer.concat([
    Buffer.from("x\n".repeat(40_000)),
    Buffer.from("ab\xff\xc3 \u00e4c77\n", "latin1"),
  ]);
  expect(scanned(late, { pattern: "c\\d+$" }).lines[0]).toStartWith("40001:7:ab");
  expect(scanned(late, { pattern: "\\w\\d" }).lines).toHaveLength(1);
});

test("a text that is in many lines which do not match is no hindrance", () => {
  const bytes = Buffer.from(`${"error: none\n".repeat(500)}error: 77\n`);
  expect(scanned(bytes, { pattern: "error: \\d+" }).lines).toEqual(["501:1:error: 77"]);
});

test("patterns on which others work for ever are answered at once", () => {
  const bytes = Buffer.from(`${"a".repeat(100_000)}!\n${"x".repeat(100_000)}\n`);
  for (const pattern of ["^(a+)+$", "x*x*x*x*x*x*x*x*y", "(a|aa)+$", "(.*)*="])
    expect(scanned(bytes, { pattern }).lines).toEqual([]);
}, 30_000);

test("a pattern that cannot be used is refused with the next step", () => {
  for (const pattern of ["(", "a\nb", "(?=x)", "a)(b"])
    expect(() => matcherOf({ ...usual, pattern })).toThrow("say fixed");
});
