/** The operations that remove, and bring back. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { lines, moment, table, visible } from "../../src/kernel/plain-text.ts";
import { dryRun, Planned, planEntries } from "./plan-shapes.ts";
import { planText } from "./render.ts";
import { readRequest, writeRequest, writing } from "./scope.ts";
import { EntryShape, entryShape, path } from "./shapes.ts";
import type { FsState } from "./state.ts";

const op = operationsOf<FsState>("fs");

const base = { needs: [writing], surfaces: ["http", "cli", "mesh", "mcp"] } as const;

const Trashed = v.strictObject({
  id: v.string(),
  path: v.pipe(v.string(), v.description("Where it was.")),
  kind: EntryShape.entries.kind,
  sizeBytes: v.number(),
  removedAtMs: v.number(),
});

const id = v.pipe(v.string(), v.maxLength(64), v.description("As fs.trash-list gives it."));

const remove = op({
  ...base,
  name: "remove",
  summary: "Remove a file, a link or a directory",
  description:
    "It goes to the trash of the node, from which fs.restore brings it back, until fs.trashKeepMs is over. With permanent it is gone. A directory that is not empty needs recursive.",
  effect: "destroy",
  scope: ({ path, dryRun }) => [...(dryRun ? [readRequest(path)] : []), writeRequest(path)],
  input: v.strictObject({
    path,
    recursive: v.optional(
      v.pipe(v.boolean(), v.description("Of a directory: with all that is in it.")),
      false,
    ),
    permanent: v.optional(v.pipe(v.boolean(), v.description("For good, and not into the trash.")), false),
    dryRun,
  }),
  output: v.union([
    v.strictObject({
      path: v.string(),
      trash: v.optional(v.pipe(v.string(), v.description("For fs.restore. Absent: it is gone."))),
    }),
    Planned,
  ]),
  errors: ["not_found", "conflict", "limited", "unsupported"],
  deadlineMs: 3_600_000,
  cli: {
    knownAs: ["rm", "rmdir", "delete"],
    positional: ["path"],
    paths: ["path"],
    render(answer) {
      if ("diff" in answer) return { stdout: planText(answer) };
      const { path, trash } = answer;
      return lines(
        trash === undefined ? `${visible(path)} is gone` : `${visible(path)}: operone fs restore ${trash}`,
      );
    },
  },
  async run(fs, { path, dryRun, ...input }, context) {
    const writing = await fs.writing(context, path);
    const options = { ...input, signal: context.signal };
    if (dryRun) {
      const { plannedRemoval } = await import("./planning.ts");
      return plannedRemoval(fs.trash, { reading: await fs.reading(context, path), writing }, options);
    }
    const { removed } = await import("./removing.ts");
    return removed(fs.trash, writing, options);
  },
});

const list = op({
  ...base,
  name: "trash-list",
  summary: "List what was removed and can be brought back",
  effect: "read",
  scope: () => [],
  input: v.strictObject({}),
  output: v.strictObject({ items: v.array(Trashed) }),
  cli: {
    alias: ["trash"],
    render: ({ items }) =>
      table([
        ["ID", "REMOVED", "PATH"],
        ...items.map((item) => [item.id, moment(item.removedAtMs), item.path]),
      ]),
  },
  examples: [{ input: {}, output: { items: [] } }],
  run: async (fs, _, { authority }) => ({ items: [...(await fs.trash.list(authority))] }),
});

const restore = op({
  ...base,
  name: "restore",
  summary: "Bring back what was removed",
  effect: "write",
  scope: () => [],
  input: v.strictObject({
    id,
    to: v.optional(v.pipe(path, v.description("Where to. Default: where it was."))),
    dryRun,
  }),
  output: v.union([EntryShape, Planned]),
  errors: ["not_found", "conflict"],
  deadlineMs: 3_600_000,
  cli: {
    positional: ["id", "to"],
    paths: ["to"],
    render: (answer) => ("diff" in answer ? { stdout: planText(answer) } : lines(visible(answer.path))),
  },
  async run(fs, { id, to, dryRun }, context) {
    const { authority } = context;
    const item = await fs.trash.one(id, authority);
    const place = await fs.writing(context, to ?? item.path);
    if (dryRun) return fs.trash.planned(item, place, authority);
    return entryShape(await fs.trash.restore(item, place, authority), place.shown);
  },
});

const empty = op({
  ...base,
  name: "trash-empty",
  summary: "Forget what was removed",
  effect: "destroy",
  scope: () => [],
  input: v.strictObject({
    ids: v.optional(v.pipe(v.array(id), v.maxLength(10_000), v.description("Only these. Default: all."))),
    dryRun: v.optional(v.pipe(v.boolean(), v.description("Only tell what would be forgotten.")), false),
  }),
  output: v.strictObject({
    forgotten: v.number(),
    diff: v.optional(planEntries.diff),
    written: v.optional(planEntries.written),
  }),
  errors: ["not_found"],
  deadlineMs: 3_600_000,
  cli: {
    positional: ["ids"],
    render: ({ forgotten, diff }) =>
      diff === undefined ? lines(`${forgotten} forgotten`) : { stdout: diff },
  },
  async run(fs, { ids, dryRun }, { authority }) {
    const items =
      ids === undefined
        ? await fs.trash.list(authority)
        : await Promise.all(ids.map((one) => fs.trash.one(one, authority)));
    if (dryRun) {
      const { Plan } = await import("./plan.ts");
      const plan = new Plan();
      for (const { path, kind } of items) plan.names("-", path, kind);
      const { diff, written } = plan.result();
      return { forgotten: items.length, diff, written };
    }
    for (const item of items) await fs.trash.forget(item.id);
    return { forgotten: items.length };
  },
});

export const trashOperations: readonly Operation<FsState>[] = [remove, list, restore, empty];
