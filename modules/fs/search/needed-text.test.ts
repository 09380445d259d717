import { expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { neededTexts } from "./needed-text.ts";
import { Regex } from "./regex-engine.ts";
import { TextFinder } from "./text-finder.ts";

test("the longest text that every match holds is known", () => {
  const cases: Record<string, readonly string[] | undefined> = {
    "foo\\w+barbar": ["barbar"],
    "[A-Z][a-z]+Error\\(": ["Error("],
    "(?:a|b)needle?s": ["needl"],
    "needle+s*": ["needle"],
    "one|two|three": ["one", "two", "three"],
    "^import \\{.*\\} from": ["import {"],
    "a{2}bc\\.d": ["bc.d"],
    "(?P<name>x)yz": ["yz"],
    "\u00fcber": ["ber"],
  };
  for (const [pattern, texts] of Object.entries(cases))
    expect([pattern, neededTexts(pattern)]).toEqual([pattern, texts]);
});

test("where nothing is certain, nothing is said", () => {
  for (const pattern of [
    ...[
      "(?i)needle",
      "needle|",
      "n*",
      "[[:alpha:]]needle",
      "a+*bc|x",
      "\\x61bc",
      "ab\\b{start}cd",
      "[]a]bc",
      "(ab",
      "\\",
    ],
    ...["a|b|c|d|e|f|g|h|i", "x", "(?x)a b c", "(a[b)c", "needle{x", "\\<word"],
  ])
    expect([pattern, neededTexts(pattern)]).toEqual([pattern, undefined]);
});

test("whatever matches holds one of the texts", () => {
  const piece = fc.constantFrom(
    ...["a", "b", "ab", "\\.", ".", "\\w", "[ab]", "[^a]", "(ab)", "(?:a|b)", "|", "^", "$", "\\b", "-", " "],
  );
  const times = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0,1}", "+?", "??");
  const pattern = fc
    .array(fc.tuple(piece, times), { minLength: 1, maxLength: 6 })
    .map((all) => all.map(([one, many]) => (/^[|^$]|^\\b/.test(one) ? one : one + many)).join(""));
  const line = fc
    .array(fc.constantFrom("a", "b", ".", "-", " "), { maxLength: 8 })
    .map((all) => all.join(""));
  fc.assert(
    fc.property(pattern, fc.array(line, { minLength: 1, maxLength: 8 }), (text, lines) => {
      const texts = neededTexts(text);
      if (texts === undefined) return;
      const regex = new Regex(text);
      for (const one of lines)
        if (regex.end(Buffer.from(one)) >= 0) expect(texts.some((part) => one.includes(part))).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test("the first of several texts is found, from wherever it is asked", () => {
  const finder = new TextFinder(["bb", "a"]);
  const block = Buffer.from("xxbbxaxbb");
  expect([0, 3, 6, 8].map((from) => finder.next(block, from))).toEqual([2, 5, 7, -1]);
  expect(finder.next(Buffer.from("a"), 0)).toBe(0);
  expect([finder.isIn(Buffer.from("xbb")), finder.isIn(Buffer.from("xb"))]).toEqual([true, false]);
});
