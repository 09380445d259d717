import { expect, test } from "bun:test";
import { strayText } from "./script-gaps.ts";

/** The text between the brackets is what the parser said it read. */
function stray(marked: string, kind: "script" | "substitution" | "test" = "script"): string | undefined {
  const leaves: { pos: number; end: number }[] = [];
  let source = "";
  for (const piece of marked.split(/(‹[^›]*›)/u)) {
    const inner = piece.startsWith("‹") ? piece.slice(1, -1) : piece;
    if (piece.startsWith("‹")) leaves.push({ pos: source.length, end: source.length + inner.length });
    source += inner;
  }
  return strayText(source, { pos: 0, end: source.length }, leaves, kind);
}

test("between words there may be operators, reserved words, comments and line ends", () => {
  for (const text of [
    "‹ls› | ‹id›; ‹w› && ‹x› &\n",
    "if ‹ls›; then ‹id›; else ‹w›; fi # comment",
    "{ ‹ls›; } && (‹id›)",
    "‹ls› \\\n ‹-l›",
    "‹ls›‹>x›",
    "case ‹a› in ‹b›) ‹ls› ;; esac",
    "time -p ‹ls›",
    "# all\n",
  ]) {
    expect(stray(text)).toBeUndefined();
  }
  expect(stray("[[ ‹a› == ‹b› && ! -n ‹c› ]]", "test")).toBeUndefined();
});

test("a word that the parser passed over is found", () => {
  for (const text of [
    "‹ls›; rm x",
    "rm ‹x›",
    "‹ls› rm",
    "‹ls›#x",
    "‹ls›fi",
    "‹ls›‹id›",
    "‹ls›\\\n‹id›",
    "fi‹ls›",
    "thenx ‹ls›",
    "‹ls› 'x'",
    "‹ls› $x",
    "‹ls› > x",
    "‹ls›\r",
  ]) {
    expect([text, stray(text) !== undefined]).toEqual([text, true]);
  }
  expect(stray("‹ls› # )\n", "substitution")).toBeDefined();
  expect(stray("[[ ‹a› == rm ]]", "test")).toBeDefined();
});

test("words that the parser puts into each other, or outside of what they are in, are found", () => {
  const within = { pos: 0, end: 5 };
  expect(strayText("ls id x", within, [{ pos: 3, end: 7 }], "script")).toBe("id x");
  const twice = [
    { pos: 0, end: 5 },
    { pos: 3, end: 5 },
  ];
  expect(strayText("ls id", within, twice, "script")).toBe("id");
});
