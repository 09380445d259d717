/** CSV and its like, row by row. */
import Papa from "papaparse";
import { OperoneError } from "../../../src/kernel/error.ts";
import { columnsOf, looksLikeHeader, widthOf } from "./columns.ts";
import { factsOf, type Parser, type ParserInput, sampleOf, texts } from "./parser.ts";

const sampleRows = 200;
/** Of which the head is looked at: less is the whole table. */
const sampleLengthMin = 32_768;
/** With what separates its cells: it goes to the node as one message. */
const rowLengthMax = 900_000;
const batchLength = 128 * 1024;
const blockRowsMax = 500;
const blockLengthMax = 131_072;

export const table: Parser = async function* (input) {
  const dialect = dialectOf(await wideSampleOf(input), input);
  yield factsOf(input, {
    delimiter: dialect.delimiter,
    header: dialect.header,
    columnCount: widthOf(dialect.sample),
    columns: columnsOf(dialect.sample, dialect.header),
  });
  let left = input.request.rowsMax;
  let first = dialect.header;
  let rowStart = 1;
  let lines = 0;
  for await (const batch of rowsOf(texts(input), dialect)) {
    lines = batch.lineEnd;
    const body = first ? batch.rows.slice(1) : batch.rows;
    const places = first ? batch.places.slice(1) : batch.places;
    if (batch.rows.length > 0) first = false;
    for (const { rows, at } of blocksOf(body, places)) {
      const given = rows.slice(0, left);
      const { lineStart } = places[at] ?? nowhere;
      const { lineEnd } = places[at + given.length - 1] ?? nowhere;
      if (given.length > 0) yield { block: { kind: "rows", rows: given, rowStart, lineStart, lineEnd } };
      rowStart += given.length;
      left -= given.length;
      if (given.length === rows.length) continue;
      yield { counted: { rows: rowStart - 1 }, truncated: true };
      return;
    }
  }
  yield { counted: { rows: rowStart - 1, lines } };
};

/** Of a very wide table the usual beginning has not even one row. */
async function wideSampleOf(input: ParserInput): Promise<string> {
  const sample = await sampleOf(input);
  return /[\r\n]/.test(sample) ? sample : await sampleOf(input, rowLengthMax);
}

interface Dialect {
  readonly delimiter: string;
  /** Where lines end with two signs, the first is taken off the last cell. */
  readonly newline: "\n" | "\r";
  readonly header: boolean;
  readonly sample: readonly (readonly string[])[];
}

function dialectOf(sample: string, { kind, request }: ParserInput): Dialect {
  const newline = !sample.includes("\n") && sample.includes("\r") ? "\r" : "\n";
  const asked = kind.kind === "tsv" ? "\t" : "";
  const config = { delimiter: asked, newline, preview: sampleRows, skipEmptyLines: true } as const;
  const { data, meta } = Papa.parse<string[]>(sample, config);
  // The last of a long sample may be cut off.
  const isCut = data.length < sampleRows && data.length > 2 && sample.length > sampleLengthMin;
  const rows = isCut ? data.slice(0, -1) : data;
  for (const row of rows) withoutReturn(row);
  const header = request.header ?? looksLikeHeader(rows);
  return { delimiter: meta.delimiter, newline, header, sample: rows };
}

interface Place {
  readonly lineStart: number;
  readonly lineEnd: number;
}

const nowhere: Place = { lineStart: 1, lineEnd: 1 };

interface Batch {
  readonly rows: string[][];
  /** Of each of them. */
  readonly places: readonly Place[];
  /** Of all that was read. */
  readonly lineEnd: number;
}

/** @throws OperoneError `too_large` for a row without end */
async function* rowsOf(
  parts: AsyncIterable<string>,
  dialect: Dialect,
): AsyncGenerator<Batch, void, undefined> {
  const waiting: string[] = [];
  let length = 0;
  let lineEnd = 0;
  for await (const part of parts) {
    waiting.push(part);
    length += part.length;
    if (length < batchLength) continue;
    const { batch, rest } = batchOf(waiting.join(""), dialect, lineEnd, true);
    if (rest.length > rowLengthMax) throw endless(batch.lineEnd + 1);
    lineEnd = batch.lineEnd;
    waiting.splice(0, waiting.length, rest);
    // What is held does not count: else one row that has no end yet is read again with each part.
    length = 0;
    yield batch;
  }
  yield batchOf(waiting.join(""), dialect, lineEnd, false).batch;
}

function batchOf(
  text: string,
  { delimiter, newline }: Dialect,
  linesBefore: number,
  more: boolean,
): { readonly batch: Batch; readonly rest: string } {
  const parser = new Papa.Parser({ delimiter, newline });
  const { data, meta } = parser.parse(text, 0, more) as {
    readonly data: string[][];
    readonly meta: { readonly cursor: number };
  };
  const rows: string[][] = [];
  const places: Place[] = [];
  const hasReturns = newline === "\n" && text.includes("\r");
  const isQuoted = text.includes('"');
  let line = linesBefore + 1;
  // What follows the last end of a line is no row when there is nothing.
  if (!more && data.at(-1)?.length === 1 && data.at(-1)?.[0] === "") data.pop();
  for (const row of data) {
    const start = line;
    line += 1;
    if (hasReturns) withoutReturn(row);
    if (row.length === 1 && row[0] === "") continue;
    if (isQuoted) line += endsWithin(row);
    rows.push(row);
    places.push({ lineStart: start, lineEnd: line - 1 });
  }
  return { batch: { rows, places, lineEnd: line - 1 }, rest: more ? text.slice(meta.cursor) : "" };
}

/** Lines that begin within its cells. */
function endsWithin(row: readonly string[]): number {
  let ends = 0;
  for (const cell of row) {
    for (let at = cell.indexOf("\n"); at >= 0; at = cell.indexOf("\n", at + 1)) ends += 1;
  }
  return ends;
}

function withoutReturn(row: string[]): void {
  const last = row.length - 1;
  const cell = row[last];
  if (cell?.endsWith("\r")) row[last] = cell.slice(0, -1);
}

function endless(line: number): OperoneError {
  return new OperoneError(
    "too_large",
    `The row at line ${line} has more than the ${rowLengthMax} characters that a row may have; a quote may be missing its end, or it is no table`,
  );
}

/** @throws OperoneError `too_large` for a row that is too long */
function* blocksOf(
  rows: readonly string[][],
  places: readonly Place[],
): Generator<{ readonly rows: string[][]; readonly at: number }, void, undefined> {
  let block: string[][] = [];
  let length = 0;
  for (const [at, row] of rows.entries()) {
    let own = 0;
    for (const cell of row) own += cell.length + 3;
    if (own > rowLengthMax) throw endless((places[at] ?? nowhere).lineStart);
    if (block.length === blockRowsMax || (block.length > 0 && length + own > blockLengthMax)) {
      yield { rows: block, at: at - block.length };
      block = [];
      length = 0;
    }
    block.push(row);
    length += own;
  }
  if (block.length > 0) yield { rows: block, at: rows.length - block.length };
}
