import { expect, test } from "bun:test";
import fc from "fast-check";
import { readHere, refusedHere } from "../../../tests/fs/documents.ts";

test("JSON gives what stands at its top, with pointers and lines", async () => {
  const { document, blocks, summary } = await readHere("a.json", '{\n "a/b~": [1,\n 2],\n "c": "d\\"]"\n}\n');
  expect(document).toMatchObject({ kind: "json", mediaType: "application/json" });
  expect(blocks).toEqual([
    { kind: "value", pointer: "/a~1b~0", lineStart: 2, lineEnd: 3, value: [1, 2] },
    { kind: "value", pointer: "/c", lineStart: 4, lineEnd: 4, value: 'd"]' },
  ]);
  expect(summary).toEqual({ blocks: 2, rows: 2, lines: 5, truncated: false });
  expect((await readHere("a.json", " 7 ")).blocks).toEqual([
    { kind: "value", pointer: "", lineStart: 1, lineEnd: 1, value: 7 },
  ]);
  expect((await readHere("a.json", "[]")).blocks).toEqual([]);
});

test("every JSON text gives its values", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1), async (values, indent) => {
      const { blocks } = await readHere("a.json", JSON.stringify(values, undefined, indent));
      expect(JSON.stringify(blocks.map(({ value }) => value))).toBe(JSON.stringify(values));
    }),
    { numRuns: 60 },
  );
});

test("JSON that is broken is refused, and the line is named", async () => {
  const cases: readonly (readonly [string, string])[] = [
    ["[1\n2]", 'at line 2 there is no ","'],
    ["[1] 2", "something follows its end"],
    ["{1: 2}", "a name is missing"],
    ['{"a" 2}', 'there is no ":"'],
    ['{"\\x": 2}', "a name is broken"],
    ["[1,]", "a value is missing"],
    ["[[1]", "at line 1"],
    ["[{", "its end is missing"],
    ['["a', "the end of a string is missing"],
    ["[nope]", "is no JSON"],
    ["", "is no JSON"],
  ];
  for (const [text, why] of cases) {
    const said = await refusedHere("a.json", text);
    expect(said).toStartWith("unsupported_media: ");
    expect(said).toContain(why);
  }
});

test("deep nesting is refused in JSON and in NDJSON", async () => {
  expect(await refusedHere("a.json", "[".repeat(1_000_000))).toContain("nested deeper than 512");
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  expect((await readHere("a.ndjson", nested(512))).blocks.length).toBe(1);
  expect(await refusedHere("a.ndjson", nested(514))).toContain("deeper than the 512 levels");
  expect(await refusedHere("a.ndjson", `{"a":${nested(200_000)}}`)).toStartWith("unsupported_media: ");
});

test("NDJSON gives a value for each line that is not empty", async () => {
  const { blocks, summary } = await readHere("a.jsonl", '{"a":1}\r\n\n{"a":2}\n3');
  expect(blocks).toEqual([
    { kind: "value", lineStart: 1, lineEnd: 1, rowStart: 1, value: { a: 1 } },
    { kind: "value", lineStart: 3, lineEnd: 3, rowStart: 2, value: { a: 2 } },
    { kind: "value", lineStart: 4, lineEnd: 4, rowStart: 3, value: 3 },
  ]);
  expect(summary).toMatchObject({ rows: 3, lines: 4 });
  expect(await refusedHere("a.ndjson", '{}\n{"a":')).toContain("begins at line 2");
  expect(await refusedHere("a.ndjson", `{"a":"${"x".repeat(3_000_000)}"}`)).toStartWith("too_large: Line 1");
});

test("a long value comes as its text, in parts that cut no sign in two", async () => {
  const text = JSON.stringify(["😀".repeat(150_000), "x"]);
  const { blocks } = await readHere("a.json", text);
  const parts = blocks.filter(({ pointer }) => pointer === "/0");
  expect(parts.map(({ part }) => part)).toEqual([1, 2, 3]);
  expect(parts.map((block) => block.text).join("")).toBe(`"${"😀".repeat(150_000)}"`);
  for (const block of parts) expect(block.text?.isWellFormed()).toBe(true);
});
