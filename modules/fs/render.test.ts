import { expect, test } from "bun:test";
import { entryLines, planText, sizeText, treeText, usageText } from "./render.ts";

test("sizes are said with three digits, in steps of a thousand", () => {
  expect([0, 999, 1_000, 12_345, 1_500_000, 2e12].map(sizeText)).toEqual([
    ...["0 B", "999 B", "1.00 kB", "12.3 kB", "1.50 MB", "2.00 TB"],
  ]);
});

test("an entry is a line with its kind, mode, size, time and name, and no sign in it moves the cursor", () => {
  const entry = { path: "/a/b\x1b[2J", kind: "file", sizeBytes: 10, modifiedMs: 0, mode: 0o640 } as const;
  expect(entryLines([entry], false)).toEqual(["-rw-r-----      10 B  1970-01-01T00:00:00Z  b\\u{1b}[2J"]);
  const link = { path: "/l", kind: "link", sizeBytes: 0, modifiedMs: 0, target: "x" } as const;
  expect(entryLines([link], true)[0]).toEndWith("  /l -> x");
  const folder = { path: "/d", kind: "directory", sizeBytes: 0, modifiedMs: 0, mode: 0o755 } as const;
  expect(entryLines([folder], false)[0]).toStartWith("drwxr-xr-x");
});

test("a tree is drawn with its last branches closed", () => {
  const entries = [
    { path: "a", kind: "directory", depth: 1 },
    { path: "a/x", kind: "file", depth: 2 },
    { path: "a/y", kind: "file", depth: 2 },
    { path: "b", kind: "file", depth: 1 },
  ] as const;
  expect(treeText({ path: "/t", entries, more: false })).toBe("/t\n├── a/\n│   ├── x\n│   └── y\n└── b\n");
  expect(treeText({ path: "/t", entries: [], more: true })).toContain("--limit");
});

test("usage ends with the sum", () => {
  const text = usageText({ path: "/t", bytes: 3_000, files: 2, entries: [{ path: "/t/a", bytes: 2_000 }] });
  expect(text).toBe("  2.00 kB  /t/a\n  3.00 kB  /t (2 files)\n");
  expect(usageText({ path: "/t", bytes: 0, files: 1, entries: [] })).toEndWith("/t (1 file)\n");
});

test("what is only tried ends with what it comes to", () => {
  const told = { files: 1, directories: 2, bytes: 4, diff: "+ /a\n" };
  expect(planText(told)).toBe("+ /a\n1 file, 2 directories, 4 B; nothing was changed\n");
  expect(planText({ ...told, directories: 1, others: 3 })).toEndWith(
    "1 file, 1 directory, 3 that are neither, 4 B; nothing was changed\n",
  );
});
