import { expect, test } from "bun:test";
import type { Word, WordPart } from "unbash";
import type { CommandWord } from "./command-pattern.ts";
import { readBuiltin } from "./script-builtins.ts";
import { wordOf } from "./script-words.ts";

/** A word as a parser that is wrong might give it. */
function readAs(source: string, value: string, parts?: readonly WordPart[]): CommandWord | undefined {
  const refusals: string[] = [];
  const word: Word = { type: "Word", text: source, value, pos: 0, end: source.length, parts };
  const read = wordOf(word, source, {
    refuse: (why) => void refusals.push(why),
    nested: () => {},
    sets: () => {},
    counts: () => {},
  });
  expect(read === undefined).toBe(refusals.length > 0);
  return read;
}

function literal(source: string, pos: number, end: number): WordPart {
  const text = source.slice(pos, end);
  return { type: "Literal", pos, end, text, value: text };
}

test("a value that the text does not have is refused", () => {
  expect(readAs("ls", "ls")).toBe("ls");
  expect(readAs("rm", "ls")).toBeUndefined();
  expect(readAs("l\\s", "l\\s")).toBeUndefined();
  expect(
    readAs("'rm'", "ls", [{ type: "SingleQuoted", pos: 0, end: 4, text: "'rm'", value: "ls" }]),
  ).toBeUndefined();
});

test("text that is taken for a plain word and has marks of the shell in it is refused", () => {
  for (const text of [
    "a;b",
    "a b",
    "a|b",
    "$x",
    "`x`",
    "a'b",
    'a"b',
    "a&b",
    "a\nb",
    "a(b",
    "a>b",
    "a\\\nb",
    "a\u00a0b",
  ])
    expect([text, readAs(text, text)]).toEqual([text, undefined]);
});

test("parts that leave some of the word out are refused", () => {
  expect(readAs("abcd", "abcd", [literal("abcd", 0, 2), literal("abcd", 2, 4)])).toBe("abcd");
  expect(readAs("abcd", "ad", [literal("abcd", 0, 1), literal("abcd", 3, 4)])).toBeUndefined();
  expect(readAs("abcd", "ab", [literal("abcd", 0, 2)])).toBeUndefined();
  expect(readAs("abcd", "cd", [literal("abcd", 2, 4)])).toBeUndefined();
});

test("text in double quotes that begins an expansion, or ends the quotes, is refused", () => {
  for (const inner of ["$x", "`x`", "$(x)", '"; rm "', "\\"]) {
    const source = `"${inner}"`;
    const part = literal(source, 1, source.length - 1);
    const parts: WordPart[] = [
      {
        type: "DoubleQuoted",
        pos: 0,
        end: source.length,
        text: source,
        parts: part.type === "Literal" ? [part] : [],
      },
    ];
    expect([inner, readAs(source, inner, parts)]).toEqual([inner, undefined]);
  }
});

test("a reserved word that is taken for a command is refused", () => {
  const refusals: string[] = [];
  const ignore = () => {};
  const finds = { sets: ignore, exports: ignore, unsets: ignore, moves: ignore, later: ignore, runs: ignore };
  readBuiltin(["then", "rm"], { ...finds, refuse: (why) => void refusals.push(why) });
  expect(refusals).toEqual(['"then" stands where no command can be']);
});
