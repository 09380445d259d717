import { expect, test } from "bun:test";
import { readHere } from "../../../tests/fs/documents.ts";

test("a text gives its paragraphs with their lines, and its language", async () => {
  const text = "The quick brown fox jumps\r\nover the lazy dog and then goes home.\n\n\nAnother one.\n";
  const { document, blocks, summary } = await readHere("a.txt", text);
  expect(document).toEqual({ kind: "text", mediaType: "text/plain", encoding: "us-ascii", language: "en" });
  expect(blocks).toEqual([
    {
      kind: "paragraph",
      text: "The quick brown fox jumps\nover the lazy dog and then goes home.",
      lineStart: 1,
      lineEnd: 2,
    },
    { kind: "paragraph", text: "Another one.", lineStart: 5, lineEnd: 5 },
  ]);
  expect(summary).toEqual({ blocks: 2, lines: 5, truncated: false });
});

test("a source gives its sections, and its language by its name or its first line", async () => {
  const part = `${Array.from({ length: 24 }, (_, at) => `  line${at}();`).join("\n")}\n\n`;
  const { document, blocks } = await readHere("a.rs", `fn a() {\n${part}fn b() {\n}\n`);
  expect(document).toMatchObject({ kind: "code", programmingLanguage: "rust" });
  expect(blocks.map(({ lineStart, lineEnd, language }) => [lineStart, lineEnd, language])).toEqual([
    [1, 26, "rust"],
    [27, 28, "rust"],
  ]);
  const named: readonly (readonly [string, string, string | undefined])[] = [
    ["Makefile", "all:\n", "make"],
    ["run", "#!/usr/bin/env -S python3 -u\n", "python"],
    ["run", "#!/bin/bash\n", "shell"],
    ["run", "#!/usr/bin/lua5.4\n", "lua5.4".replace(/[\d.]+$/, "")],
    ["run", "#!/opt/strange\n", undefined],
    ["constructor", "x", undefined],
    ["a.constructor", "x", undefined],
  ];
  for (const [name, start, language] of named)
    expect((await readHere(name, start)).document?.programmingLanguage).toBe(language);
  expect((await readHere("notes", "x", { kind: "code" })).blocks[0]).toMatchObject({
    kind: "code",
    text: "x",
  });
});

test("long paragraphs and a line of many megabytes are given in parts", async () => {
  const long = await readHere("a.txt", "word\n".repeat(500));
  expect(long.blocks.map(({ lineStart, lineEnd }) => [lineStart, lineEnd])).toEqual([
    [1, 200],
    [201, 400],
    [401, 500],
  ]);
  const line = "x".repeat(20_000_000);
  const { blocks, summary } = await readHere("a.txt", line);
  expect(blocks.map(({ text }) => text).join("") === line).toBe(true);
  expect(blocks.every(({ lineStart, text }) => lineStart === 1 && (text?.length ?? 0) <= 131_072)).toBe(true);
  expect(summary).toMatchObject({ truncated: false });
}, 20_000);

test("what is longer than the caller wants is cut, and the summary says so", async () => {
  const { blocks, summary } = await readHere("a.txt", "one\n\ntwo\n\nthree\n", { textLengthMax: 6 });
  expect(blocks.map(({ text }) => text)).toEqual(["one", "two"]);
  expect(summary?.truncated).toBe(true);
});
