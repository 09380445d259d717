import { expect, test } from "bun:test";
import fc from "fast-check";
import { LineSearch, lineLengthMax, type Query } from "./line-search.ts";

const query = (pattern: string, more: Partial<Query> = {}): Query => ({
  ...{ pattern, fixed: false, ignoreCase: false, word: false, before: 0, after: 0, perFileMax: 1_000 },
  ...more,
});
const found = (pattern: string, text: string | Buffer, more: Partial<Query> = {}) =>
  new LineSearch(query(pattern, more)).search(typeof text === "string" ? Buffer.from(text) : text);
const lines = (...all: Parameters<typeof found>) =>
  found(...all)?.map(({ line, column }) => `${line}:${column}`);

test("lines are found by an expression or a text, with their place", () => {
  const text = "one\ntwo ones\nThree (x)\n";
  expect(lines("one", text)).toEqual(["1:1", "2:5"]);
  expect(lines("^t", text)).toEqual(["2:1"]);
  expect(lines("^t", text, { ignoreCase: true })).toEqual(["2:1", "3:1"]);
  expect(lines("(x)", text, { fixed: true })).toEqual(["3:7"]);
  expect(lines("one", text, { word: true })).toEqual(["1:1"]);
  expect(lines("s$", "a\r\nbs\r\ns")).toEqual(["2:2", "3:1"]);
  expect(lines("\\w+", "", {})).toEqual([]);
});

test("a match that goes over the end of a line means each line that matches by itself, and no other", () => {
  expect(lines("a\\s+b", "a\nb\na b\n")).toEqual(["3:1"]);
  expect(lines("[^x]+", "a\n\nb\n")).toEqual(["1:1", "3:1"]);
  expect(lines("x*", "a\nb\n")).toEqual(["1:1", "2:1"]);
});

test("lines around a match come with it", () => {
  const [match] = found("c", "a\nb\nc\nd\ne\n", { before: 2, after: 1 }) ?? [];
  expect(match).toMatchObject({ line: 3, before: ["a", "b"], after: ["d"] });
});

test("text in other encodings is found, and what is no text is told apart", () => {
  expect(found("grün", Buffer.from("\ufeffgrün\n", "utf16le"))).toMatchObject([{ line: 1, text: "grün" }]);
  expect(found("grün", Buffer.from("gr\xfcn\n", "latin1"))).toMatchObject([{ line: 1, text: "grün" }]);
  expect(found("x", Buffer.from([1, 0, 2, 0x78, 0, 0xff, 0]))).toBeUndefined();
});

test("a long line is cut in the answer, at a whole character", () => {
  const [match] = found("end$", `${"😀".repeat(lineLengthMax)}end`) ?? [];
  expect(match?.text.isWellFormed()).toBe(true);
  expect(match?.text.length).toBeLessThanOrEqual(lineLengthMax);
});

test("what is found is what looking at each line by itself finds", () => {
  const sign = fc.constantFrom("a", "b", "A", " ", "\n", "\r\n", "é");
  const text = fc.array(sign, { maxLength: 40 }).map((signs) => signs.join(""));
  const pattern = fc.constantFrom("a", "ab", "^a", "b$", "a+b?", "\\s", "[^a]", "a|b", "", "(a b)+", "é");
  fc.assert(
    fc.property(text, pattern, fc.boolean(), fc.boolean(), (whole, source, ignoreCase, fixed) => {
      fc.pre(source !== "");
      const one = new RegExp(fixed ? RegExp.escape(source) : source, ignoreCase ? "ui" : "u");
      const all = whole.split("\n");
      if (all.at(-1) === "") all.pop();
      const expected = all.flatMap((line, at) => (one.test(line.replace(/\r$/, "")) ? [at + 1] : []));
      expect(found(source, whole, { ignoreCase, fixed })?.map(({ line }) => line)).toEqual(expected);
    }),
    { numRuns: 3_000 },
  );
});
