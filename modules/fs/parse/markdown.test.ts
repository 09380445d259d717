import { expect, test } from "bun:test";
import { readHere } from "../../../tests/fs/documents.ts";

test("Markdown gives its front matter and its blocks with their lines", async () => {
  const text = `---
title: T
authors: [Ann, Bob]
tags: [a, 7]
date: 2024-01-31
---
# One

text
more

Under
=====
Sub
---
\`\`\`ts
let a;
# no heading

\`\`\`
- a
  more
- b

- c

after
| a | b |
| - | - |
`;
  const { document, blocks, summary } = await readHere("a.md", text);
  expect(document).toMatchObject({ kind: "markdown", title: "T", author: "Ann, Bob", keywords: "a, 7" });
  expect(document?.created).toStartWith("2024-01-31");
  expect(blocks).toEqual([
    { kind: "heading", level: 1, text: "One", lineStart: 7, lineEnd: 7 },
    { kind: "paragraph", text: "text\nmore", lineStart: 9, lineEnd: 10 },
    { kind: "heading", level: 1, text: "Under", lineStart: 12, lineEnd: 13 },
    { kind: "heading", level: 2, text: "Sub", lineStart: 14, lineEnd: 15 },
    { kind: "code", text: "let a;\n# no heading", lineStart: 17, lineEnd: 18, language: "ts" },
    { kind: "list", text: "- a\n  more\n- b\n\n- c", lineStart: 21, lineEnd: 25 },
    { kind: "paragraph", text: "after", lineStart: 27, lineEnd: 27 },
    { kind: "table", text: "| a | b |\n| - | - |", lineStart: 28, lineEnd: 29 },
  ]);
  expect(summary).toMatchObject({ lines: 29 });
});

test("without front matter the first heading of the highest level is the title, and a broken one tells nothing", async () => {
  const one = await readHere("a.md", "```\n# code\n```\n# The name #\n\nx");
  expect(one.document?.title).toBe("The name");
  expect((await readHere("a.md", "Name\n====\n")).document?.title).toBe("Name");
  const broken = await readHere("a.md", "---\n{ : [\n---\ntext\n");
  expect(broken.document?.title).toBeUndefined();
  expect(broken.blocks).toEqual([{ kind: "paragraph", text: "text", lineStart: 4, lineEnd: 4 }]);
  const nothing = await readHere("a.md", "---\njust words\n---\ntext\n");
  expect(nothing.blocks.length).toBe(1);
});

test("a block without an end is given in parts, each with its own lines", async () => {
  const { blocks } = await readHere(
    "a.md",
    `\`\`\`\n${"x".repeat(99)}\n`.repeat(1) + `${"y".repeat(99)}\n`.repeat(2_000),
  );
  expect(blocks.length).toBeGreaterThan(2);
  expect(blocks.every(({ kind }) => kind === "code")).toBe(true);
  expect(blocks.at(-1)?.lineEnd).toBe(2_002);
});
