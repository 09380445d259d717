/** The operations that give what is in files. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { nameOf } from "./file-path.ts";
import { reading, readRequest } from "./scope.ts";
import { amount, path } from "./shapes.ts";
import { entryAt, type FsState } from "./state.ts";
import { encodings } from "./text-encoding.ts";

const op = operationsOf<FsState>("fs");

const base = {
  effect: "read",
  needs: [reading],
  surfaces: ["http", "cli", "mesh", "mcp"],
  scope: ({ path }: { readonly path: string }) => [readRequest(path)],
} as const;

const read = op({
  ...base,
  name: "read",
  summary: "Read a text file, or some lines of it",
  description:
    "The encoding is told from the bytes (UTF-8, UTF-16, else Windows-1252) unless it is named. At most 512 KiB of text come in one answer: more says whether the file goes on, and cut whether the last line did not fit. Bytes as they are: fs.content.",
  input: v.strictObject({
    path,
    fromLine: amount(1, Number.MAX_SAFE_INTEGER, "The first line, from 1."),
    lines: amount(100_000, 1_000_000, "So many lines at most."),
    tail: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(1),
        v.maxValue(1_000_000),
        v.description("The last so many lines instead."),
      ),
    ),
    encoding: v.optional(
      v.pipe(v.picklist(encodings), v.description("What the bytes are. Default: as it is told from them.")),
    ),
  }),
  output: v.strictObject({
    path: v.string(),
    text: v.string(),
    encoding: v.picklist(encodings),
    lineEnd: v.picklist(["lf", "crlf", "mixed", "none"]),
    firstLine: v.optional(v.number()),
    lines: v.number(),
    more: v.boolean(),
    cut: v.boolean(),
    sizeBytes: v.number(),
    etag: v.optional(v.string()),
  }),
  errors: ["not_found", "conflict", "unsupported_media"],
  deadlineMs: 300_000,
  cli: {
    positional: ["path"],
    paths: ["path"],
    render: ({ text, more, firstLine, lines, cut }) => ({
      stdout: text,
      ...(more && firstLine !== undefined
        ? { stderr: `operone: there is more; --from-line ${firstLine + lines - (cut ? 1 : 0)}\n` }
        : {}),
    }),
  },
  run: async (fs, { path, ...input }, context) =>
    (await import("./text-reading.ts")).textOf(await fs.reading(context, path), input, context.signal),
});

const content = op({
  ...base,
  name: "content",
  summary: "Give the bytes of a file, or a range of them",
  gives: "bytes",
  input: v.strictObject({ path }),
  errors: ["not_found", "conflict", "range"],
  cli: { positional: ["path"], paths: ["path"], alias: ["cat"] },
  async run(fs, { path }, context) {
    const place = await fs.reading(context, path);
    const { fileBytes } = await import("./content.ts");
    const { mediaType, sizeBytes, etag, open } = fileBytes(place, await entryAt(place), context.signal);
    return { mediaType, ...sizeBytes, ...etag, fileName: nameOf(place.path), open };
  },
});

export const readOperations: readonly Operation<FsState>[] = [read, content];
