import { expect, test } from "bun:test";
import { itemText } from "./item-text.ts";
import type { Block } from "./shapes.ts";

const shown = (block: Block) => itemText({ block }).stdout;

test("facts are lines, and columns of a table a line each", () => {
  const columns = [{ name: "a", type: "text" as const }];
  expect(itemText({ document: { kind: "csv", mediaType: "text/csv", title: "T\nU", columns } }).stdout).toBe(
    "kind: csv\nmediaType: text/csv\ntitle: T U\ncolumn: a (text)\n",
  );
});

test("blocks come below the place where they stand", () => {
  expect(shown({ kind: "page", page: 3, text: "x" })).toBe("\n[page 3]\nx\n");
  expect(shown({ kind: "heading", level: 2, text: "x", lineStart: 1, lineEnd: 2 })).toBe(
    "\n[lines 1-2]\n## x\n",
  );
  expect(shown({ kind: "rows", rows: [["a", "b"], ["c"]], rowStart: 1, lineStart: 2, lineEnd: 3 })).toBe(
    "\n[rows 1-2, lines 2-3]\na\tb\nc\n",
  );
  expect(shown({ kind: "value", pointer: "/a", lineStart: 4, lineEnd: 4, value: { b: 1 } })).toBe(
    '\n[line 4, /a]\n{"b":1}\n',
  );
  expect(shown({ kind: "paragraph", text: "x", part: 2 })).toBe("\n[part 2]\nx\n");
  expect(shown({ kind: "paragraph", text: "x" })).toBe("\nx\n");
});

test("nothing in a document moves the cursor of a terminal", () => {
  const evil = "\u001b[2Jx\u202ey";
  for (const block of [
    { kind: "page" as const, text: evil },
    { kind: "heading" as const, text: evil, level: 1 },
    { kind: "rows" as const, rows: [[evil]] },
    { kind: "value" as const, pointer: `/${evil}`, value: evil },
  ]) {
    for (const sign of ["\u001b", "\u202e"]) expect(shown(block)).not.toContain(sign);
  }
  const document = { kind: "text" as const, mediaType: "text/plain", title: evil };
  expect(itemText({ document }).stdout).not.toContain("\u001b");
});

test("only a summary of what was cut off says something", () => {
  expect(itemText({ summary: { blocks: 1, truncated: false } })).toEqual({});
  expect(itemText({ summary: { blocks: 1, truncated: true } }).stderr).toContain("--rows-max");
});
