/** The operations that look at files and directories, and not into them. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { lines } from "../../src/kernel/plain-text.ts";
import { entryLines, treeText, usageText } from "./render.ts";
import { reading, readRequest } from "./scope.ts";
import { amount, EntryShape, entryShape, path, pathOrHome } from "./shapes.ts";
import { entryAt, type FsState } from "./state.ts";

const op = operationsOf<FsState>("fs");

const look = {
  effect: "read",
  needs: [reading],
  surfaces: ["http", "cli", "mesh", "mcp"],
  scope: ({ path }: { readonly path: string }) => [readRequest(path)],
  errors: ["not_found", "conflict", "unsupported"],
} as const;

const stat = op({
  ...look,
  name: "stat",
  summary: "Say what a path is: its kind, size, times and etag",
  input: v.strictObject({
    path,
    follow: v.optional(
      v.pipe(v.boolean(), v.description("Of a link: whether to tell of what it leads to. Default: yes.")),
      true,
    ),
  }),
  output: EntryShape,
  cli: { positional: ["path"], paths: ["path"], render: (entry) => lines(...entryLines([entry], true)) },
  examples: [{ input: { path: "/" }, output: { kind: "directory", path: "/" } }],
  async run(fs, { path, follow }, context) {
    const place = await fs.reading(context, path);
    const entry = follow ? await entryAt(place) : await place.backend.stat(place.access, place.path);
    return entryShape(entry ?? (await entryAt(place)), place.shown);
  },
});

const list = op({
  ...look,
  name: "list",
  summary: "List a directory, page by page",
  description:
    "Sorted by name as people count (a2 before a10), or by size or time. A page ends with a cursor for the next one; what is made or removed meanwhile moves no other entry. What the caller has no right to is left out, and links are not followed.",
  input: v.strictObject({
    path: pathOrHome,
    sort: v.optional(
      v.pipe(
        v.picklist(["name", "size", "modified"]),
        v.description("By name, or the largest or the newest first."),
      ),
      "name",
    ),
    reverse: v.optional(v.pipe(v.boolean(), v.description("The other way round.")), false),
    hidden: v.optional(
      v.pipe(v.boolean(), v.description("Names that begin with a dot, too. Default: yes.")),
      true,
    ),
    limit: amount(1_000, 10_000, "Entries in one answer."),
    cursor: v.optional(v.pipe(v.string(), v.maxLength(8_192), v.description("Of the page before."))),
  }),
  output: v.strictObject({
    path: v.string(),
    entries: v.array(EntryShape),
    total: v.pipe(v.number(), v.description("Entries in all pages.")),
    cursor: v.optional(v.pipe(v.string(), v.description("For the next page. Absent: this was the last."))),
  }),
  cli: {
    knownAs: ["ls", "dir"],
    positional: ["path"],
    paths: ["path"],
    render: ({ entries, cursor }) => ({
      stdout: entryLines(entries, false)
        .map((line) => `${line}\n`)
        .join(""),
      ...(cursor === undefined ? {} : { stderr: `operone: there are more; --cursor ${cursor}\n` }),
    }),
  },
  examples: [{ input: { path: "/", limit: 3 } }],
  run: async (fs, input, context) =>
    (await import("./listing.ts")).listed(await fs.reading(context, input.path), input, context.signal),
});

const tree = op({
  ...look,
  name: "tree",
  summary: "Show the directories and files below a path",
  input: v.strictObject({
    path: pathOrHome,
    depth: amount(3, 64, "Directories in directories."),
    hidden: v.optional(v.pipe(v.boolean(), v.description("Names that begin with a dot, too.")), false),
    limit: amount(2_000, 20_000, "Entries in the answer."),
  }),
  output: v.strictObject({
    path: v.string(),
    entries: v.array(
      v.strictObject({
        path: v.pipe(v.string(), v.description("Below the path that was asked for.")),
        kind: EntryShape.entries.kind,
        depth: v.number(),
      }),
    ),
    more: v.pipe(v.boolean(), v.description("Whether there are entries beyond the limit.")),
  }),
  cli: { positional: ["path"], paths: ["path"], render: (found) => ({ stdout: treeText(found) }) },
  examples: [{ input: { path: "/", depth: 1, limit: 5 } }],
  run: async (fs, input, context) =>
    (await import("./listing.ts")).treeOf(await fs.reading(context, input.path), input, context.signal),
});

const glob = op({
  ...look,
  name: "glob",
  summary: "Find files by a pattern of their path",
  description:
    'Patterns are those of shells: * and ? within a name, [a-z], {a,b}, and ** for any directories. "*.md" is in the directory itself, "**/*.md" anywhere below. In the order of their paths; links are not followed.',
  gives: "items",
  input: v.strictObject({
    pattern: v.pipe(
      v.string(),
      v.nonEmpty(),
      v.maxLength(1_024),
      v.description("Of the path below the directory."),
    ),
    path: pathOrHome,
    hidden: v.optional(v.pipe(v.boolean(), v.description("Names that begin with a dot, too.")), false),
    limit: amount(10_000, 1_000_000, "Entries in the answer."),
  }),
  output: v.strictObject({ path: v.string(), kind: EntryShape.entries.kind }),
  cli: {
    knownAs: ["find"],
    positional: ["pattern", "path"],
    paths: ["path"],
    render: ({ path }) => lines(path),
  },
  examples: [{ input: { pattern: "no-such-*", path: "/" } }],
  run: async function* (fs, input, context) {
    const { globbed } = await import("./glob.ts");
    yield* globbed(await fs.reading(context, input.path), input, context.signal);
  },
});

const usage = op({
  ...look,
  name: "usage",
  summary: "Say how much room a directory takes, and what in it takes most",
  description: "The sizes that the files have, all that is below counted; links are not followed.",
  input: v.strictObject({ path: pathOrHome, largest: amount(10, 1_000, "So many of the largest files.") }),
  output: v.strictObject({
    path: v.string(),
    bytes: v.number(),
    files: v.number(),
    directories: v.number(),
    others: v.pipe(v.number(), v.description("Links, pipes, sockets and devices.")),
    entries: v.pipe(
      v.array(v.strictObject({ path: v.string(), bytes: v.number(), files: v.number() })),
      v.description("What lies in it, the largest first; 1,000 at most."),
    ),
    largest: v.array(v.strictObject({ path: v.string(), sizeBytes: v.number() })),
  }),
  deadlineMs: 3_600_000,
  cli: {
    knownAs: ["du"],
    positional: ["path"],
    paths: ["path"],
    render: (found) => ({ stdout: usageText(found) }),
  },
  run: async (fs, { path, largest }, context) => {
    const { usageOf } = await import("./usage.ts");
    return usageOf(await fs.reading(context, path), largest, context.signal, context.progress);
  },
});

const hash = op({
  ...look,
  name: "hash",
  summary: "Compute the hash of a file",
  input: v.strictObject({
    path,
    algorithm: v.optional(
      v.pipe(v.picklist(["sha256", "sha512", "sha1", "md5", "blake2b256"]), v.description("Which hash.")),
      "sha256",
    ),
    firstBytes: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(0),
        v.description("Only of so many bytes at its beginning."),
      ),
    ),
  }),
  output: v.strictObject({
    path: v.string(),
    algorithm: v.string(),
    hash: v.pipe(v.string(), v.description("In hexadecimal digits.")),
    sizeBytes: v.number(),
    etag: v.optional(v.string()),
  }),
  deadlineMs: 3_600_000,
  cli: { positional: ["path"], paths: ["path"], render: ({ hash, path }) => lines(`${hash}  ${path}`) },
  run: async (fs, { path, ...asked }, context) => {
    const { hashed } = await import("./hash.ts");
    return hashed(await fs.reading(context, path), asked, context.signal, context.progress);
  },
});

export const lookOperations: readonly Operation<FsState>[] = [stat, list, tree, glob, usage, hash];
