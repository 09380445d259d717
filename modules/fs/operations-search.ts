/** The operation that looks into files for a text. */
import * as v from "valibot";
import { type CliOutput, type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { visible } from "../../src/kernel/plain-text.ts";
import { reading, readRequest } from "./scope.ts";
import { amount, pathOrHome } from "./shapes.ts";
import type { FsState } from "./state.ts";

const op = operationsOf<FsState>("fs");

const flag = (what: string, usual: boolean) => v.optional(v.pipe(v.boolean(), v.description(what)), usual);
const around = (what: string) =>
  v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(20), v.description(what)), 0);

const Match = v.strictObject({
  path: v.string(),
  line: v.number(),
  column: v.pipe(v.number(), v.description("Of the first match in the line, in UTF-16 units, from 1.")),
  text: v.string(),
  before: v.array(v.string()),
  after: v.array(v.string()),
});

const Summary = v.strictObject({
  summary: v.strictObject({
    files: v.number(),
    bytes: v.number(),
    skipped: v.pipe(v.number(), v.description("No text, too large, or not to be read.")),
    matches: v.number(),
    limited: v.pipe(v.boolean(), v.description("Whether there are matches beyond the limit.")),
    durationMs: v.number(),
  }),
});

const search = op({
  name: "search",
  summary: "Search in files",
  description:
    "The pattern is a regular expression as ripgrep has them, without look-around and backreferences, or a text with fixed; each line is looked at by itself. The files of a directory come in order, then those below it; the last item is a summary. What .gitignore and .ignore leave out, hidden files and what is no text are not searched; links are not followed. UTF-16 and Windows-1252 are told from the bytes.",
  effect: "read",
  needs: [reading],
  surfaces: ["http", "cli", "mesh", "mcp"],
  scope: ({ path }) => [readRequest(path)],
  gives: "items",
  input: v.strictObject({
    pattern: v.pipe(v.string(), v.nonEmpty(), v.maxLength(4_096), v.description("What to look for.")),
    path: pathOrHome,
    fixed: flag("The pattern is a text and no regular expression.", false),
    ignoreCase: flag("Capital and small letters are the same.", false),
    smartCase: flag("The same, unless the pattern has a capital letter.", false),
    word: flag("Only where it stands as a word.", false),
    glob: v.optional(
      v.pipe(
        v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(1_024))),
        v.maxLength(64),
        v.description(
          'Only files whose paths fit: "*.md", "src/**/*.ts"; with "!" in front, those not. The last that fits counts.',
        ),
      ),
      [],
    ),
    hidden: flag("Names that begin with a dot, too.", false),
    ignoreFiles: flag("Leave out what .gitignore and .ignore files say.", true),
    before: around("Lines before each match."),
    after: around("Lines after each match."),
    limit: amount(1_000, 100_000, "Matches in the answer."),
    perFileMax: amount(100_000, 100_000, "Matches of one file."),
    fileBytesMax: amount(16_000_000_000, 1_000_000_000_000, "Larger files are not searched."),
  }),
  output: v.union([Match, Summary]),
  errors: ["not_found", "conflict", "limited", "deadline"],
  deadlineMs: 3_600_000,
  cli: {
    knownAs: ["grep", "rg"],
    positional: ["pattern", "path"],
    paths: ["path"],
    render,
    exit: (item) => ("summary" in item ? (item.summary.matches === 0 ? 1 : 0) : undefined),
    failureExit: 2,
    oneNodeIsEnough: true,
  },
  run: async function* (fs, { path, ...input }, context) {
    const { searched } = await import("./search/searching.ts");
    const { crew, clock } = fs;
    const { caller, signal, progress } = context;
    yield* searched(await fs.reading(context, path), input, { crew, clock, caller, signal, progress });
  },
});

/** As grep shows it: `path:line:text`, and `path-line-text` for the lines around. */
function render(item: v.InferOutput<typeof Match> | v.InferOutput<typeof Summary>): CliOutput {
  if ("summary" in item) {
    return item.summary.limited ? { stderr: "operone: there are more matches; --limit shows them\n" } : {};
  }
  const { path, line, text, before, after } = item;
  const shown = (sign: string, at: number, content: string) =>
    `${visible(path)}${sign}${at}${sign}${printable(content)}\n`;
  return {
    stdout: [
      ...before.map((one, at) => shown("-", line - before.length + at, one)),
      shown(":", line, text),
      ...after.map((one, at) => shown("-", line + 1 + at, one)),
    ].join(""),
  };
}

/** Tabs are text. */
function printable(text: string): string {
  return text.split("\t").map(visible).join("\t");
}

export const searchOperations: readonly Operation<FsState>[] = [search];
