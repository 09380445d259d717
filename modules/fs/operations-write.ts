/** The operations that change files and directories. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { lines, visible } from "../../src/kernel/plain-text.ts";
import { Planned, planEntries, dryRun as planOnly } from "./plan-shapes.ts";
import { filesText, planText, sizeText } from "./render.ts";
import { reading, readRequest, writeRequest, writing } from "./scope.ts";
import { EntryShape, entryShape, ifMatch, path } from "./shapes.ts";
import type { FsState } from "./state.ts";

const op = operationsOf<FsState>("fs");

const textLengthMax = 4_000_000;
const hourMs = 3_600_000;

const base = {
  effect: "write",
  needs: [writing],
  surfaces: ["http", "cli", "mesh", "mcp"],
  scope: ({ path }: { readonly path: string }) => [writeRequest(path)],
  errors: ["not_found", "conflict", "precondition_failed", "too_large", "unsupported"],
} as const;

const text = v.optional(
  v.pipe(
    v.string(),
    v.maxLength(textLengthMax),
    v.description("What to write, instead of the bytes that come with the call."),
  ),
);
const parents = v.optional(
  v.pipe(v.boolean(), v.description("Whether to make the directories that are missing.")),
  false,
);
const replace = v.optional(
  v.pipe(v.boolean(), v.description("Whether what is at the new place may be replaced.")),
  false,
);

function contentOf(given: string | undefined, bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (given === undefined) return bytes;
  return (async function* () {
    yield new TextEncoder().encode(given);
  })();
}

const dryRun = v.optional(
  v.pipe(
    v.boolean(),
    v.description("Only tell the difference, as a unified diff. It takes the right to read the file."),
  ),
  false,
);
const Written = v.union([
  EntryShape,
  v.strictObject({ path: v.string(), diff: v.string(), written: v.literal(false) }),
]);
const written = (answer: v.InferOutput<typeof Written>) =>
  "diff" in answer
    ? { stdout: answer.diff }
    : lines(`${sizeText(answer.sizeBytes)} in ${visible(answer.path)}`);
/** Whoever sees the difference has read what is there. */
const writeScope = (input: { readonly path: string; readonly dryRun: boolean }) => [
  ...(input.dryRun ? [readRequest(input.path)] : []),
  writeRequest(input.path),
];

const modifiedMs = v.optional(
  v.pipe(
    v.number(),
    v.integer(),
    v.description("The time that it shall have been modified at, in Unix milliseconds."),
  ),
);

const write = op({
  ...base,
  name: "write",
  summary: "Write a file as a whole",
  description:
    "What was there stays until all of the new bytes are on the disk, whatever happens meanwhile. A link to a file is followed. With ifMatch nothing is written over what somebody else has written since.",
  takes: "bytes",
  input: v.strictObject({
    path,
    text,
    mode: v.optional(
      v.pipe(
        v.picklist(["any", "create", "replace"]),
        v.description("create: nothing may be there yet; replace: a file must be there."),
      ),
      "any",
    ),
    ifMatch,
    dryRun,
    parents,
    permissions: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(0),
        v.maxValue(0o777),
        v.description(
          "Of a new file, less what the system takes off: 384 is 0600. One that is replaced keeps its own.",
        ),
      ),
    ),
    modifiedMs,
  }),
  output: Written,
  deadlineMs: hourMs,
  scope: writeScope,
  cli: { positional: ["path"], paths: ["path"], render: written },
  async run(fs, input, context) {
    const place = await fs.writing(context, input.path);
    if (input.dryRun) {
      const { previewed } = await import("./previewing.ts");
      const reading = await fs.reading(context, input.path);
      const content = contentOf(input.text, context.bytes);
      return previewed(reading, content, { ...input, append: false }, context.signal);
    }
    const { makeParents } = await import("./directories.ts");
    if (input.parents) await makeParents(place);
    const { mode, ifMatch, permissions, modifiedMs } = input;
    const entry = await place.backend.write(place.access, place.path, contentOf(input.text, context.bytes), {
      mode,
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(permissions === undefined ? {} : { permissions }),
      ...(modifiedMs === undefined ? {} : { modifiedMs }),
    });
    return entryShape(entry, place.shown);
  },
});

const append = op({
  ...base,
  name: "append",
  summary: "Write at the end of a file",
  description:
    "A file that is not there is made. When the rest does not come, what came of it is taken back, unless a part will do.",
  takes: "bytes",
  input: v.strictObject({
    ...{ path, text, ifMatch },
    partial: v.optional(
      v.pipe(
        v.boolean(),
        v.description("What came of it stays when the rest does not, and others may write between."),
      ),
    ),
    modifiedMs,
    dryRun,
  }),
  output: Written,
  deadlineMs: hourMs,
  scope: writeScope,
  cli: { positional: ["path"], paths: ["path"], render: written },
  async run(fs, input, context) {
    const place = await fs.writing(context, input.path);
    const content = contentOf(input.text, context.bytes);
    if (input.dryRun) {
      const { previewed } = await import("./previewing.ts");
      const reading = await fs.reading(context, input.path);
      return previewed(reading, content, { ...input, mode: "any", append: true }, context.signal);
    }
    const { ifMatch, partial, modifiedMs } = input;
    const entry = await place.backend.append(place.access, place.path, content, {
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(partial === undefined ? {} : { partial }),
      ...(modifiedMs === undefined ? {} : { modifiedMs }),
    });
    return entryShape(entry, place.shown);
  },
});

const edit = op({
  ...base,
  name: "edit",
  summary: "Replace exact pieces of a text file",
  description:
    "Each edit names a text that is in the file once, or says all; they are made one after the other, and nothing is written unless every one fits. The answer is the difference as a unified diff. Ends of lines stay as the file has them.",
  needs: [reading, writing],
  scope: ({ path }) => [readRequest(path), writeRequest(path)],
  input: v.strictObject({
    path,
    edits: v.pipe(
      v.array(
        v.strictObject({
          old: v.pipe(v.string(), v.nonEmpty(), v.maxLength(textLengthMax)),
          new: v.pipe(v.string(), v.maxLength(textLengthMax)),
          all: v.optional(v.boolean()),
        }),
      ),
      v.minLength(1),
      v.maxLength(1_000),
      v.description(
        "Each replaces old, which is in the file once, by new; all says that it may be there more often.",
      ),
    ),
    ifMatch,
    dryRun: v.optional(v.pipe(v.boolean(), v.description("Only tell the difference.")), false),
  }),
  output: v.strictObject({
    path: v.string(),
    replaced: v.number(),
    diff: v.string(),
    written: v.boolean(),
    etag: v.optional(v.string()),
  }),
  errors: ["not_found", "conflict", "precondition_failed", "too_large", "unsupported_media"],
  cli: { positional: ["path"], paths: ["path"], render: ({ diff }) => ({ stdout: diff }) },
  async run(fs, { path, ...input }, context) {
    const { edited } = await import("./editing.ts");
    return edited(await fs.reading(context, path), await fs.writing(context, path), input, context.signal);
  },
});

const EntryOrPlan = v.union([EntryShape, Planned]);
const placed = (answer: v.InferOutput<typeof EntryOrPlan>) =>
  "diff" in answer ? { stdout: planText(answer) } : lines(visible(answer.path));

const mkdir = op({
  ...base,
  name: "mkdir",
  summary: "Make a directory",
  input: v.strictObject({ path, parents, dryRun: planOnly }),
  output: EntryOrPlan,
  cli: { positional: ["path"], paths: ["path"], render: placed },
  async run(fs, { path, parents, dryRun }, context) {
    const place = await fs.writing(context, path);
    if (dryRun) return (await import("./planning.ts")).plannedDirectory(place, parents);
    const { makeDirectory } = await import("./directories.ts");
    return entryShape(await makeDirectory(place, parents), place.shown);
  },
});

const places = {
  from: path,
  to: path,
  replace,
} as const;

const move = op({
  ...base,
  name: "move",
  summary: "Move or rename a file or a directory",
  description: "To another file system by a copy, after which the original goes. A link is moved itself.",
  needs: [reading, writing],
  scope: ({ from, to, replace, dryRun }) => [
    ...[readRequest(from), writeRequest(from), writeRequest(to)],
    // It is compared with what comes.
    ...(dryRun && replace ? [readRequest(to)] : []),
  ],
  input: v.strictObject({ ...places, dryRun: planOnly }),
  output: EntryOrPlan,
  deadlineMs: hourMs,
  cli: {
    knownAs: ["mv"],
    positional: ["from", "to"],
    paths: ["from", "to"],
    render: placed,
  },
  async run(fs, { from, to, replace, dryRun }, context) {
    const { signal, progress } = context;
    const { moved } = await import("./moving.ts");
    const source = { reading: await fs.reading(context, from), writing: await fs.writing(context, from) };
    if (dryRun) {
      const { plannedMove } = await import("./planning.ts");
      const writing = await fs.writing(context, to);
      const reading = replace ? await fs.reading(context, to) : writing;
      return plannedMove(source, { reading, writing }, { replace, signal });
    }
    return moved(source, await fs.writing(context, to), { replace, signal, progress });
  },
});

const placeText = "Here, or with { node, path } on that node; at the command line NODE:/path.";
const copyPlace = v.union([
  path,
  v.strictObject({ node: v.pipe(v.string(), v.nonEmpty(), v.maxLength(256)), path }),
]);

const copy = op({
  ...base,
  name: "copy",
  summary: "Copy a file, or a directory with all that is in it, also between nodes",
  description:
    "Times and modes of files are kept; links, pipes and devices are left out and named. What fails in a directory is named too, and the rest goes on. With replace a directory is copied into one that is there. Between nodes what has arrived is compared by its hash, and a large file that was broken off goes on where it stopped when it is copied again.",
  needs: [],
  needsOneOf: [reading, writing],
  scope: ({ from, to, replace, dryRun }) => [
    ...(typeof from === "string" ? [readRequest(from)] : []),
    ...(typeof to === "string" ? [writeRequest(to)] : []),
    ...(typeof to === "string" && dryRun && replace ? [readRequest(to)] : []),
  ],
  input: v.strictObject({
    from: v.pipe(copyPlace, v.description(placeText)),
    to: v.pipe(copyPlace, v.description(placeText)),
    replace,
    dryRun: planOnly,
  }),
  output: v.strictObject({
    files: v.number(),
    directories: v.number(),
    bytes: v.number(),
    others: v.optional(planEntries.others),
    diff: v.optional(planEntries.diff),
    written: v.optional(planEntries.written),
    left: v.array(v.strictObject({ path: v.string(), why: v.string() })),
  }),
  deadlineMs: hourMs,
  cli: {
    knownAs: ["cp", "scp"],
    positional: ["from", "to"],
    places: ["from", "to"],
    render: ({ left, diff, ...counts }) => ({
      stdout:
        diff === undefined
          ? `${filesText(counts.files)}, ${sizeText(counts.bytes)}\n`
          : planText({ ...counts, diff }),
      stderr: left.map(({ path, why }) => `operone: left out ${visible(path)}: ${visible(why)}\n`).join(""),
    }),
  },
  async run(fs, { from, to, replace, dryRun }, context) {
    const { transfer } = await import("./transfer.ts");
    const { remotePlace } = await import("./remote-backend.ts");
    const { signal, progress } = context;
    const source = typeof from === "string" ? await fs.reading(context, from) : remotePlace(context, from);
    const target = typeof to === "string" ? await fs.writing(context, to) : remotePlace(context, to);
    if (dryRun) {
      const { plannedCopy } = await import("./planned-copy.ts");
      const reading = typeof to === "string" && replace ? await fs.reading(context, to) : target;
      return plannedCopy(source, { reading, writing: target }, { replace, signal });
    }
    const done = await transfer(source, target, { mode: replace ? "any" : "create", signal, progress });
    return { ...done, left: [...done.left] };
  },
});

export const writeOperations: readonly Operation<FsState>[] = [write, append, edit, mkdir, move, copy];
