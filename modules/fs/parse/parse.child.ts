/** Parses one document. Runs in a contained child: what comes here is trusted by nobody. */
import * as v from "valibot";
import type { ChildInput } from "../../../src/kernel/child-part.ts";
import { ByteSource } from "./byte-source.ts";
import { fileKind } from "./file-kind.ts";
import type { Parser } from "./parser.ts";
import { type Block, type DocumentKind, type ParseItem, ParseRequest } from "./shapes.ts";

/** A frame to the node has 1 MiB, and a sign in it up to 6 bytes. */
const pieceLength = 131_072;

const parsers: Readonly<Record<DocumentKind, () => Promise<Parser>>> = {
  pdf: async () => (await import("./pdf.ts")).pdf,
  docx: async () => (await import("./docx.ts")).docx,
  html: async () => (await import("./html.ts")).html,
  markdown: async () => (await import("./markdown.ts")).markdown,
  csv: async () => (await import("./table.ts")).table,
  tsv: async () => (await import("./table.ts")).table,
  json: async () => (await import("./json.ts")).json,
  ndjson: async () => (await import("./json.ts")).ndjson,
  code: async () => (await import("./plain.ts")).code,
  text: async () => (await import("./plain.ts")).text,
};

export async function* child(input: ChildInput): AsyncGenerator<ParseItem, void, undefined> {
  const request = v.parse(ParseRequest, input.request);
  const source = new ByteSource(input.bytes);
  const { bytes, whole } = await source.head();
  const kind = fileKind(request.name, bytes, whole, request.kind, request.encoding);
  const parser = await parsers[kind.kind]();
  const summary = { blocks: 0, truncated: false };
  let left = request.textLengthMax;
  for await (const part of parser({ source, kind, request })) {
    if ("document" in part) yield part;
    else if ("counted" in part) Object.assign(summary, part.counted);
    else {
      for (const { block, length } of pieces(part.block)) {
        left -= length;
        summary.truncated ||= left < 0;
        if (summary.truncated) break;
        summary.blocks += 1;
        yield { block };
      }
    }
    if ("truncated" in part) summary.truncated = true;
    if (summary.truncated) break;
  }
  yield { summary };
}

function lengthOf({ text, rows = [], value }: Block): number {
  let length = text?.length ?? 0;
  for (const row of rows) for (const cell of row) length += cell.length + 1;
  return length + (value === undefined ? 0 : (JSON.stringify(value)?.length ?? 0));
}

interface Piece {
  readonly block: Block;
  readonly length: number;
}

function* pieces(block: Block): Generator<Piece, void, undefined> {
  const { text, rows } = block;
  const length = lengthOf(block);
  if (length <= pieceLength) yield { block, length };
  else if (rows !== undefined) yield* rowPieces(block, rows);
  else if (text === undefined) yield { block, length };
  else {
    for (let at = 0, part = 1; at < text.length; part++) {
      // Not between the two halves of one sign.
      const end = at + pieceLength - (/[\ud800-\udbff]/.test(text.charAt(at + pieceLength - 1)) ? 1 : 0);
      const own = text.slice(at, end);
      yield { block: { ...block, text: own, part }, length: own.length };
      at = end;
    }
  }
}

function* rowPieces(block: Block, rows: readonly string[][]): Generator<Piece, void, undefined> {
  let held: string[][] = [];
  let length = 0;
  let part = 1;
  for (const row of rows) {
    const own = row.reduce((sum, cell) => sum + cell.length + 1, 0);
    if (held.length > 0 && length + own > pieceLength) {
      yield { block: { ...block, rows: held, part: part++ }, length };
      held = [];
      length = 0;
    }
    held.push(row);
    length += own;
  }
  yield { block: { ...block, rows: held, ...(part === 1 ? {} : { part }) }, length };
}
