/** What the columns of a table hold, by its first rows. */
import type { ColumnType } from "./shapes.ts";

/** That are told of, with so much for all their names. */
const columnsMax = 4_096;
const namesLengthMax = 65_536;
const nameLengthMax = 200;

type Row = readonly string[];

const types: readonly (readonly [ColumnType, RegExp])[] = [
  ["integer", /^[+-]?\d{1,18}$/],
  ["number", /^[+-]?(\d+([.,]\d+)?|\.\d+)(e[+-]?\d+)?%?$/i],
  ["boolean", /^(true|false|yes|no)$/i],
  [
    "date",
    /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$|^\d{1,2}[./]\d{1,2}[./]\d{4}$/,
  ],
];

function cellType(cell: string): ColumnType {
  const text = cell.trim();
  if (text === "") return "empty";
  return types.find(([, pattern]) => pattern.test(text))?.[0] ?? "text";
}

function columnType(rows: readonly Row[], at: number): ColumnType {
  const found = new Set(rows.map((row) => cellType(row[at] ?? "")));
  found.delete("empty");
  const [only, ...more] = found;
  if (only === undefined) return "empty";
  if (more.length === 0) return only;
  return more.length === 1 && found.has("integer") && found.has("number") ? "number" : "text";
}

/**
 * The first row names the columns when all its cells are different texts, and what is below is of another kind, or at
 * least never the same.
 */
export function looksLikeHeader(rows: readonly Row[]): boolean {
  const [first, ...rest] = rows;
  if (first === undefined || first.some((cell) => cellType(cell) !== "text")) return false;
  if (new Set(first).size !== first.length) return false;
  if (first.some((_, at) => !["text", "empty"].includes(columnType(rest, at)))) return true;
  return first.length > 1 && rest.every((row) => !row.some((cell, at) => cell === first[at]));
}

export function widthOf(rows: readonly Row[]): number {
  return rows.reduce((most, row) => Math.max(most, row.length), 0);
}

export function columnsOf(rows: readonly Row[], header: boolean): { name: string; type: ColumnType }[] {
  const body = header ? rows.slice(1) : rows;
  const width = Math.min(columnsMax, widthOf(rows));
  const lengthMax = Math.max(12, Math.min(nameLengthMax, Math.floor(namesLengthMax / Math.max(1, width))));
  return Array.from({ length: width }, (_, at) => ({
    name: (header ? (rows[0]?.[at] ?? "").trim() : "").slice(0, lengthMax) || `column ${at + 1}`,
    type: columnType(body, at),
  }));
}
