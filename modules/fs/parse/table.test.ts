import { expect, test } from "bun:test";
import fc from "fast-check";
import { readHere, refusedHere } from "../../../tests/fs/documents.ts";

const rowsOf = async (name: string, text: string | Uint8Array, more: object = {}) =>
  (await readHere(name, text, more)).blocks.flatMap(({ rows }) => rows ?? []);

test("a table gives its columns with their types, and rows with their lines", async () => {
  const text = "name;age;paid;born;note\nAnn;31;yes;2001-02-03;\nBob;40.5;no;1999-12-31;\n";
  const { document, blocks, summary } = await readHere("a.csv", text);
  expect(document).toEqual({
    ...{
      kind: "csv",
      mediaType: "text/csv",
      encoding: "us-ascii",
      delimiter: ";",
      header: true,
      columnCount: 5,
    },
    columns: [
      { name: "name", type: "text" },
      { name: "age", type: "number" },
      { name: "paid", type: "boolean" },
      { name: "born", type: "date" },
      { name: "note", type: "empty" },
    ],
  });
  const rows = [
    ["Ann", "31", "yes", "2001-02-03", ""],
    ["Bob", "40.5", "no", "1999-12-31", ""],
  ];
  expect(blocks).toEqual([{ kind: "rows", rows, rowStart: 1, lineStart: 2, lineEnd: 3 }]);
  expect(summary).toEqual({ blocks: 1, rows: 2, lines: 3, truncated: false });
});

test("rows beyond the limit are not given, and the summary says so", async () => {
  const text = "name;age\nAnn;31\nBob;40\n";
  const short = await readHere("a.csv", text, { rowsMax: 1 });
  expect(short.blocks[0]).toMatchObject({ rows: [["Ann", "31"]], lineStart: 2, lineEnd: 2 });
  expect(short.summary).toEqual({ blocks: 1, rows: 1, truncated: true });
  expect((await readHere("a.csv", text, { rowsMax: 2 })).summary?.truncated).toBe(false);
});

test("a first row that looks like the others is no header, unless the caller says so", async () => {
  expect((await readHere("a.csv", "1,2\n3,4\n")).document).toMatchObject({
    header: false,
    columns: [
      { name: "column 1", type: "integer" },
      { name: "column 2", type: "integer" },
    ],
  });
  expect((await readHere("a.csv", "1,2\n3,4\n", { header: true })).document?.columns?.[0]?.name).toBe("1");
  expect((await readHere("a.csv", "a,a\nb,c\n")).document?.header).toBe(false);
  expect((await readHere("a.csv", "a,b\nc,b\n")).document?.header).toBe(false);
  expect((await readHere("a.tsv", "a\tb\nc\td\n")).document).toMatchObject({ delimiter: "\t", header: true });
});

test("every way to end a line ends a row, and empty lines are none", async () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = ["a,b", '"1","x"', "2,y", ""].join(end);
    expect(await rowsOf("a.csv", text, { header: false })).toEqual([
      ["a", "b"],
      ["1", "x"],
      ["2", "y"],
    ]);
  }
  const { blocks, summary } = await readHere("a.csv", "a,1\n\n\nb,2\n\n", { header: false });
  expect(blocks[0]).toMatchObject({ rowStart: 1, lineStart: 1, lineEnd: 4 });
  expect(summary).toMatchObject({ rows: 2, lines: 5 });
});

test("rows with lines within their cells have the lines where they really stand", async () => {
  const text = `n,t\n${Array.from({ length: 1_200 }, (_, at) => `${at},"one\ntwo ""q"""\n`).join("")}`;
  const { blocks } = await readHere("a.csv", text);
  expect(blocks.map(({ rowStart, lineStart, lineEnd }) => [rowStart, lineStart, lineEnd])).toEqual([
    [1, 2, 1_001],
    [501, 1_002, 2_001],
    [1_001, 2_002, 2_401],
  ]);
  expect(blocks[2]?.rows?.at(-1)).toEqual(["1199", 'one\ntwo "q"']);
});

test("whatever cells hold comes out as it was, in pieces of any size", async () => {
  const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "é", " ", "1") });
  const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(table, async (rows) => {
      const quoted = rows.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(","));
      // Enough of them that it does not come at once.
      const all = Array.from({ length: 3 }, () => rows).flat();
      const text = Array.from({ length: 3 }, () => quoted)
        .flat()
        .join("\n");
      expect(await rowsOf("a.csv", `${text}\n`, { header: false })).toEqual(all);
    }),
    { numRuns: 60 },
  );
});

test("a table larger than any buffer gives every row once, with its line", async () => {
  const count = 60_000;
  const text = Array.from({ length: count }, (_, at) => `${at},${"x".repeat(40)}`).join("\n");
  const { blocks, summary } = await readHere("a.csv", text, { header: false });
  const firsts = blocks.flatMap(({ rows }) => (rows ?? []).map(([first]) => Number(first)));
  expect(firsts).toEqual(Array.from({ length: count }, (_, at) => at));
  for (const { rowStart, lineStart, rows } of blocks) {
    expect(rowStart).toBe(lineStart);
    expect(Number(rows?.[0]?.[0])).toBe((lineStart ?? 0) - 1);
  }
  expect(summary).toMatchObject({ rows: count, lines: count });
});

test("a table with a hundred thousand columns is read, and the first columns are described", async () => {
  const row = Array.from({ length: 100_000 }, (_, at) => at % 10).join(",");
  const { document, blocks } = await readHere("a.csv", `${row}\n${row}\n`);
  expect(document?.columnCount).toBe(100_000);
  expect(document?.columns?.length).toBe(4_096);
  expect(JSON.stringify(document).length).toBeLessThan(1_000_000);
  expect(blocks.map(({ rows }) => rows?.length)).toEqual([1, 1]);
});

test("a row without end is refused, quoted or not", async () => {
  const long = "a".repeat(3_000_000);
  expect(await refusedHere("a.csv", `a,b\n"${long}`)).toStartWith("too_large: The row at line 2");
  expect(await refusedHere("a.csv", `a,b\n${long}`)).toStartWith("too_large: The row at line 2");
  expect(await refusedHere("a.csv", `a,b\n"${"a".repeat(950_000)}"\n`)).toStartWith("too_large: The row at");
});

test("rows that are long together come in blocks of a usual size", async () => {
  const long = Array.from({ length: 10 }, () => "x".repeat(10_000)).join(",");
  const text = `${`${long}\n`.repeat(3)}${"1,2\n".repeat(3)}`;
  const { blocks } = await readHere("a.csv", text, { header: false });
  expect(blocks.map(({ rows, lineStart }) => [rows?.length, lineStart])).toEqual([
    [1, 1],
    [1, 2],
    [4, 3],
  ]);
});
