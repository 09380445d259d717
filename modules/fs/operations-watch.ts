/** The operation that tells of changes below a folder. */
import * as v from "valibot";
import { type CliOutput, type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { visible } from "../../src/kernel/plain-text.ts";
import { reading, readRequest } from "./scope.ts";
import { EntryShape, pathOrHome } from "./shapes.ts";
import type { FsState } from "./state.ts";

const op = operationsOf<FsState>("fs");

const Pattern = v.pipe(v.string(), v.nonEmpty(), v.maxLength(1_024));

const flag = (what: string, usual: boolean) => v.optional(v.pipe(v.boolean(), v.description(what)), usual);

const Change = v.strictObject({
  kind: v.picklist(["created", "changed", "removed", "renamed"]),
  path: v.string(),
  from: v.optional(v.pipe(v.string(), v.description("Of renamed: the path before."))),
  entry: v.optional(EntryShape),
});

const Item = v.union([
  v.strictObject({
    changes: v.pipe(
      v.array(Change),
      v.description(
        "In an order in which they can be done again. A directory is removed and renamed with all that is in it; what is renamed takes the place of what was there.",
      ),
    ),
  }),
  v.strictObject({ ready: v.pipe(v.literal(true), v.description("From now on nothing is missed.")) }),
  v.strictObject({
    rescanned: v.pipe(
      v.string(),
      v.description(
        "Why the whole tree was compared: steps in between were lost, and what they led to follows.",
      ),
    ),
  }),
  v.strictObject({
    polling: v.pipe(
      v.string(),
      v.description(
        "Why the system does not tell of all: from now on the tree is compared again and again, so that changes come later.",
      ),
    ),
  }),
  v.strictObject({ ended: v.pipe(v.string(), v.description("Why there is nothing to watch any more.")) }),
]);

const watch = op({
  name: "watch",
  summary: "Tell of every change below a folder, as it happens",
  description:
    "What changes faster than it is read is told of once, as it is in the end; the last state always comes. Links are told of, and not followed. Nothing is told of what the caller may not read.",
  effect: "read",
  needs: [reading],
  surfaces: ["http", "cli", "mesh", "mcp"],
  scope: ({ path }) => [readRequest(path)],
  errors: ["not_found", "conflict", "limited", "unsupported"],
  gives: "items",
  input: v.strictObject({
    path: pathOrHome,
    pattern: v.optional(
      v.pipe(
        Pattern,
        v.description(
          'Only what fits: "*.log" is a name anywhere below, "src/**/*.ts" a path below the folder.',
        ),
      ),
    ),
    patterns: v.optional(
      v.pipe(v.array(Pattern), v.maxLength(64), v.description("Several; one of them has to fit.")),
      [],
    ),
    recursive: flag("Folders in the folder, too. Default: yes.", true),
    ignoreFiles: flag("Obey .gitignore and .ignore, and leave out .git. Default: yes.", true),
    debounceMs: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(0),
        v.maxValue(60_000),
        v.description("Milliseconds of quiet before changes are told of; ten times as many at most."),
      ),
      5,
    ),
    initial: flag("First tell of everything that is there, as created.", false),
  }),
  output: Item,
  cli: { positional: ["path"], paths: ["path"], render: rendered },
  async *run(fs, { path, pattern, patterns, ...input }, context) {
    const place = await fs.reading(context, path);
    const all = pattern === undefined ? patterns : [pattern, ...patterns];
    yield* fs.watches.watch(place, { ...input, patterns: all }, context);
  },
});

function rendered(item: v.InferOutput<typeof Item>): CliOutput {
  if ("ready" in item) return { stderr: "operone: watching\n" };
  if ("rescanned" in item) return { stderr: `operone: compared the whole tree: ${item.rescanned}\n` };
  if ("polling" in item) return { stderr: `operone: compares the tree now and then: ${item.polling}\n` };
  if ("ended" in item) return { stderr: `operone: ended: ${item.ended}\n` };
  const line = ({ kind, path, from }: v.InferOutput<typeof Change>) =>
    `${kind.padEnd(7)} ${from === undefined ? "" : `${visible(from)} -> `}${visible(path)}\n`;
  return { stdout: item.changes.map(line).join("") };
}

export const watchOperations: readonly Operation<FsState>[] = [watch];
