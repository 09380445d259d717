import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteText } from "../kernel/byte-text.ts";
import { renderItem, renderValue } from "./render.ts";
import { jsonText, textWidth, truncate, wrap } from "./text.ts";

const wide = { columns: Number.POSITIVE_INFINITY, color: false };

test("an object is aligned lines; nested values are indented blocks", () => {
  const value = {
    name: "pi",
    up: true,
    note: null,
    tags: ["a", "b"],
    none: {},
    disk: { freeBytes: 1536, path: "/" },
  };
  assert.equal(
    renderValue(value, wide),
    [
      "name: pi",
      "up:   true",
      "note: -",
      "tags: a, b",
      "none: (none)",
      "disk:",
      "  freeBytes: 1.5 KiB",
      "  path:      /",
      "",
    ].join("\n"),
  );
});

test("a list of objects is a table with numbers to the right", () => {
  const rows = [
    { id: "shell", calls: 5 },
    { id: "access", calls: 120, more: { a: 1 } },
  ];
  assert.equal(renderValue(rows, wide), 'ID      CALLS  MORE\nshell       5  -\naccess    120  {"a":1}\n');
});

test("a table gives way to a narrow terminal in its widest column", () => {
  const rows = [{ id: "a", text: "x".repeat(60) }];
  const lines = renderValue(rows, { columns: 20, color: false }).trimEnd().split("\n");
  assert.deepEqual(lines, ["ID  TEXT", `a   ${"x".repeat(15)}\u2026`]);
});

test("numbers are shown in the unit that their name calls for", () => {
  const value = { startedAtMs: 0, durationMs: 1_500, timeoutMs: 250, sizeBytes: 10 };
  assert.equal(
    renderValue(value, wide),
    "startedAtMs: 1970-01-01 00:00:00Z\ndurationMs:  1.5 s\ntimeoutMs:   250 ms\nsizeBytes:   10 B\n",
  );
});

test("nothing is printed for null, and a scalar is a line", () => {
  assert.equal(renderValue(null, wide), "");
  assert.equal(renderValue("a", wide), "a\n");
  assert.equal(renderValue([], wide), "(none)\n");
  assert.equal(renderValue(["a", 1, [2]], wide), "a\n1\n[2]\n");
});

test("an item is one line of pairs", () => {
  assert.equal(
    renderItem({ level: "info", message: "a b", n: 1, empty: "" }, wide),
    'level=info message="a b" n=1 empty=""\n',
  );
  assert.equal(renderItem("a\nb", wide), "a\nb\n");
});

test("a string that is held as bytes is shown as the string", () => {
  for (const text of ["plain", "two words", "", "a\nb\x1b[2J"]) {
    const held = new ByteText(Buffer.from(text), "utf8");
    assert.equal(renderItem(held, wide), renderItem(text, wide));
    assert.equal(renderItem({ text: held }, wide), renderItem({ text }, wide));
    assert.equal(renderValue({ text: held, list: [held] }, wide), renderValue({ text, list: [text] }, wide));
    assert.equal(renderValue([{ text: held }], wide), renderValue([{ text }], wide));
  }
});

test("no value can write a control sequence to the terminal", () => {
  const hostile = "\x1b[2J\x9b1m\u202eevil\r";
  for (const text of [
    renderValue(hostile, wide),
    renderValue({ [hostile]: hostile }, wide),
    renderValue([{ [hostile]: hostile, nested: { [hostile]: hostile } }], wide),
    renderItem({ [hostile]: hostile }, wide),
    renderItem(hostile, wide),
    `${jsonText(hostile)}\n`,
  ]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.doesNotMatch(text, /[\0-\x09\x0b-\x1f\x7f-\x9f]/, text);
  }
  assert.equal(JSON.parse(jsonText(hostile)), hostile);
});

test("widths count cells: wide characters two, combining ones none", () => {
  assert.equal(textWidth("a\u4e2d\u0301"), 3);
  assert.equal(truncate("\u4e2d\u4e2d\u4e2d", 4), "\u4e2d\u2026");
  assert.deepEqual(wrap("one two three", 8), ["one two", "three"]);
});
