/** What parsing takes and gives. */
import * as v from "valibot";
import { textRows } from "../../../src/kernel/text-rows.ts";

export const documentKinds = [
  "pdf",
  "docx",
  "html",
  "markdown",
  "csv",
  "tsv",
  "json",
  "ndjson",
  "code",
  "text",
] as const;
export type DocumentKind = (typeof documentKinds)[number];

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

function amount(usual: number, most: number, what: string) {
  const schema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most), v.description(what));
  return v.optional(schema, usual);
}

export const parseOptions = {
  kind: v.optional(
    v.pipe(
      v.picklist(documentKinds),
      v.description("What it is. Absent: as its first bytes and its name say"),
    ),
  ),
  pages: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(1_000),
      v.regex(/^\d+(-\d*)?(,\d+(-\d*)?)*$/, 'write pages as "1-3,7,20-"'),
      v.description('Of a PDF: "1-3,7,20-". Absent: all'),
    ),
  ),
  encoding: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[A-Za-z0-9][A-Za-z0-9_:.-]{0,39}$/, "write its IANA name"),
      v.description('Of text: "iso-8859-2", "shift_jis". Absent: as it is detected'),
    ),
  ),
  header: v.optional(
    v.pipe(
      v.boolean(),
      v.description("Whether the first row of a table names its columns. Absent: as it looks"),
    ),
  ),
  rowsMax: amount(1_000_000, 1_000_000_000, "Rows of a table that are given; the rest is not read"),
  textLengthMax: amount(
    64 * 1024 * 1024,
    8 * 1024 * 1024 * 1024,
    "Characters of text that are given; the rest is not read",
  ),
};

/** What the child is asked. */
export const ParseRequest = v.strictObject({ name: v.string(), ...parseOptions });
export type ParseRequest = v.InferOutput<typeof ParseRequest>;

const text = v.string();
const time = v.pipe(v.string(), v.description("ISO 8601, with what the document says of its zone"));

export const columnTypes = ["text", "integer", "number", "boolean", "date", "empty"] as const;
export type ColumnType = (typeof columnTypes)[number];

export const DocumentFacts = v.strictObject({
  kind: v.picklist(documentKinds),
  mediaType: text,
  title: v.optional(text),
  author: v.optional(text),
  subject: v.optional(text),
  keywords: v.optional(text),
  created: v.optional(time),
  modified: v.optional(time),
  language: v.optional(
    v.pipe(text, v.description("ISO 639-1, as the document says, else as its text looks")),
  ),
  encoding: v.optional(v.pipe(text, v.description("IANA name, in lower case"))),
  programmingLanguage: v.optional(text),
  pages: v.optional(count),
  delimiter: v.optional(text),
  header: v.optional(v.boolean()),
  columnCount: v.optional(count),
  /** The first of them. */
  columns: v.optional(v.array(v.strictObject({ name: text, type: v.picklist(columnTypes) }))),
  /** Of a PDF. */
  pdf: v.optional(
    v.strictObject({
      version: v.optional(text),
      creator: v.optional(text),
      producer: v.optional(text),
      encrypted: v.boolean(),
      tagged: v.boolean(),
      linearized: v.boolean(),
      form: v.picklist(["none", "acroform", "xfa"]),
      /** Of its first page, in points, before it is turned. */
      pageWidth: v.optional(v.number()),
      pageHeight: v.optional(v.number()),
      pageRotation: v.optional(v.number()),
    }),
  ),
});
export type DocumentFacts = v.InferOutput<typeof DocumentFacts>;

const blockKinds = ["heading", "paragraph", "list", "table", "code", "page", "rows", "value"] as const;

export const Block = v.strictObject({
  kind: v.picklist(blockKinds),
  text: v.optional(text),
  /** Of a heading: 1 is the highest. */
  level: v.optional(count),
  /** Of code. */
  language: v.optional(text),
  rows: v.optional(textRows),
  /** Which row of the document the first of these is; the first is 1, and a header is none. */
  rowStart: v.optional(count),
  page: v.optional(count),
  lineStart: v.optional(count),
  lineEnd: v.optional(count),
  /** JSON pointer (RFC 6901) of a value. */
  pointer: v.optional(text),
  value: v.optional(v.unknown()),
  /** A long text comes in several blocks: which of them this is, from 1. */
  part: v.optional(count),
});
export type Block = v.InferOutput<typeof Block>;

export const Summary = v.strictObject({
  blocks: count,
  rows: v.optional(count),
  lines: v.optional(count),
  pages: v.optional(count),
  /** Whether a limit was reached, and the rest was not read. */
  truncated: v.boolean(),
});
export type Summary = v.InferOutput<typeof Summary>;

export const ParseItem = v.union([
  v.strictObject({ document: DocumentFacts }),
  v.strictObject({ block: Block }),
  v.strictObject({ summary: Summary }),
]);
export type ParseItem = v.InferOutput<typeof ParseItem>;
