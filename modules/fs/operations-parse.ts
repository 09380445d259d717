/** The operation that reads documents. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { itemText } from "./parse/item-text.ts";
import { ParseItem, parseOptions } from "./parse/shapes.ts";
import { reading, readRequest } from "./scope.ts";
import { path } from "./shapes.ts";
import type { FsState } from "./state.ts";

const op = operationsOf<FsState>("fs");

const parse = op({
  name: "parse",
  summary: "Read a document: what it is, then its text in blocks with pages and lines",
  description:
    "PDF, Word (.docx), HTML, Markdown, CSV and TSV, JSON and NDJSON, source code and plain text. The first item says what the document tells of itself, then come its blocks, and last a summary. A process of its own reads it, without files and network, and with limits on time, memory and output: a damaged, encrypted or endless document, or a bomb, is an error. Where no process can be contained, nothing is read.",
  effect: "read",
  needs: [reading],
  surfaces: ["http", "cli", "mesh", "mcp"],
  gives: "items",
  input: v.strictObject({
    path,
    ...parseOptions,
    timeoutMs: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(1),
        v.maxValue(3_600_000),
        v.description("How long the reading may take"),
      ),
      60_000,
    ),
  }),
  output: ParseItem,
  errors: [
    "not_found",
    "conflict",
    "unsupported",
    "unsupported_media",
    "too_large",
    "range",
    "limited",
    "deadline",
  ],
  scope: ({ path }) => [readRequest(path)],
  deadlineMs: 3_660_000,
  cli: { positional: ["path"], paths: ["path"], render: itemText },
  run: async function* (fs, { path, ...input }, context) {
    const { parsedFile } = await import("./parse/parsed-file.ts");
    yield* parsedFile(await fs.reading(context, path), fs.children, input, context);
  },
});

export const parseOperations: readonly Operation<FsState>[] = [parse];
