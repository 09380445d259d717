/** The operations that remove, and bring back. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { lines, moment, table, visible } from "../../src/kernel/plain-text.ts";
import { writeRequest, writing } from "./scope.ts";
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
  scope: ({ path }) => [writeRequest(path)],
  input: v.strictObject({
    path,
    recursive: v.optional(
      v.pipe(v.boolean(), v.description("Of a directory: with all that is in it.")),
      false,
    ),
    permanent: v.optional(v.pipe(v.boolean(), v.description("For good, and not into the trash.")), false),
  }),
  output: v.strictObject({
    path: v.string(),
    trash: v.optional(v.pipe(v.string(), v.description("For fs.restore. Absent: it is gone."))),
  }),
  errors: ["not_found", "conflict", "limited", "unsupported"],
  deadlineMs: 3_600_000,
  cli: {
    knownAs: ["rm", "rmdir", "delete"],
    positional: ["path"],
    paths: ["path"],
    render: ({ path, trash }) =>
      lines(
        trash === undefined ? `${visible(path)} is gone` : `${visible(path)}: operone fs restore ${trash}`,
      ),
  },
  async run(fs, { path, recursive, permanent }, context) {
    const { removed } = await import("./removing.ts");
    const { signal } = context;
    return removed(fs.trash, await fs.writing(context, path), { recursive, permanent, signal });
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
  }),
  output: EntryShape,
  errors: ["not_found", "conflict"],
  deadlineMs: 3_600_000,
  cli: { positional: ["id", "to"], paths: ["to"], render: ({ path }) => lines(visible(path)) },
  async run(fs, { id, to }, context) {
    const { authority } = context;
    const item = await fs.trash.one(id, authority);
    const place = await fs.writing(context, to ?? item.path);
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
  }),
  output: v.strictObject({ forgotten: v.number() }),
  errors: ["not_found"],
  deadlineMs: 3_600_000,
  cli: { positional: ["ids"], render: ({ forgotten }) => lines(`${forgotten} forgotten`) },
  async run(fs, { ids }, { authority }) {
    const items =
      ids === undefined
        ? await fs.trash.list(authority)
        : await Promise.all(ids.map((one) => fs.trash.one(one, authority)));
    for (const item of items) await fs.trash.forget(item.id);
    return { forgotten: items.length };
  },
});

export const trashOperations: readonly Operation<FsState>[] = [remove, list, restore, empty];
