/** The operations that put other trees below `/@name/`, and take them away. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { lines, table } from "../../src/kernel/plain-text.ts";
import type { SettingEntries } from "./mount-kind.ts";
import { mountKinds } from "./mounts/kinds.ts";
import { reading } from "./scope.ts";
import type { FsState } from "./state.ts";

const op = operationsOf<FsState>("fs");
const owner = { needs: ["access.admin"], surfaces: ["http", "cli"] } as const;

const mountName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    "a mount has a name of lower-case letters, digits and -, 63 of them at most",
  ),
);
const name = v.pipe(mountName, v.description('What stands behind "/@": lower-case letters, digits and -.'));

const kind = v.optional(
  v.pipe(
    v.picklist(mountKinds.map(({ id }) => id)),
    v.description(
      `${mountKinds.map(({ id, summary }) => `${id}: ${summary}`).join(". ")}. Default: local, or node for a path of another node.`,
    ),
  ),
);

/** What any kind takes; which of it the chosen one takes is said by its own schema. */
const settingEntries: SettingEntries = Object.fromEntries(
  [...new Set(mountKinds.flatMap(({ settings }) => Object.keys(settings.entries)))]
    .sort()
    .map((key) => [key, settingOf(key)]),
);

function settingOf(key: string): v.GenericSchema {
  const entries = mountKinds.flatMap(({ settings }) => settings.entries[key] ?? []);
  const [first = v.unknown(), ...others] = new Set(entries.map(bare));
  if (others.length === 0) return v.optional(first);
  const schemas = [first, ...others];
  const text = schemas.map((schema) => v.getDescription(schema) ?? schema.type).join(" ");
  return v.optional(v.pipe(v.union(schemas), v.description(text)));
}

/** Without its default, which is the kind's business. */
function bare(schema: v.GenericSchema): v.GenericSchema {
  const { wrapped } = schema as v.GenericSchema & { readonly wrapped?: v.GenericSchema };
  return schema.type === "optional" && wrapped !== undefined ? wrapped : schema;
}

const Shown = v.strictObject({
  name: v.string(),
  path: v.pipe(v.string(), v.description('"/@name", for every operation on files.')),
  kind: v.string(),
  readOnly: v.boolean(),
  state: v.picklist(["ready", "unavailable"]),
  reason: v.optional(v.pipe(v.string(), v.description("Why it is not available, and what to do."))),
  settings: v.optional(
    v.pipe(v.record(v.string(), v.unknown()), v.description("Where it lies; for the owner alone.")),
  ),
});

const mount = op({
  ...owner,
  name: "mount",
  summary: "Make a folder, the memory, a folder of another node, an archive or storage appear below /@name",
  description:
    "It stays across restarts of the node, what is in memory does not. Nobody but the owner reaches it until a grant names it: a grant of / holds no mounts. What leads out of a folder by a link is refused, whatever else a caller may reach.",
  effect: "write",
  input: v.strictObject({
    name,
    kind,
    readOnly: v.optional(v.pipe(v.boolean(), v.description("Refuse every change.")), false),
    ...settingEntries,
  }),
  output: Shown,
  errors: ["conflict", "not_found", "unavailable", "limited", "unsupported"],
  cli: {
    positional: ["name", "path"],
    places: ["path"],
    render: ({ path }) => lines(path),
  },
  async run(fs, { name, kind: said, readOnly, ...settings }, context) {
    const kind = said ?? kindFor(settings);
    const made = await fs.mounts.add({ name, kind, readOnly, settings }, context);
    return {
      ...{ name, path: `/@${name}`, kind, readOnly, state: "ready" as const },
      settings: made.settings,
    };
  },
});

function kindFor(settings: Readonly<Record<string, unknown>>): string {
  return typeof settings.path === "object" ? "node" : "local";
}

const unmount = op({
  ...owner,
  name: "unmount",
  summary: "Take a mount away; what it shows stays where it is",
  effect: "destroy",
  input: v.strictObject({
    name,
    discard: v.optional(
      v.pipe(v.boolean(), v.description("Also when files are in it that are nowhere else: lose them.")),
      false,
    ),
  }),
  output: v.strictObject({ name: v.string() }),
  errors: ["not_found", "conflict", "unavailable"],
  cli: { positional: ["name"], render: ({ name }) => lines(`/@${name} is gone`) },
  async run(fs, { name, discard }) {
    await fs.mounts.remove(name, discard);
    return { name };
  },
});

const list = op({
  name: "mounts",
  summary: "List the mounts, and whether each is there",
  description: "Those of which the caller may read something. Where a mount lies is told to the owner alone.",
  effect: "read",
  needs: [reading],
  surfaces: ["http", "cli", "mesh", "mcp"],
  scope: () => [],
  input: v.strictObject({}),
  output: v.strictObject({ mounts: v.array(Shown) }),
  errors: ["unavailable"],
  cli: {
    render: ({ mounts }) =>
      table([
        ["PATH", "KIND", "STATE", "WHERE"],
        ...mounts.map(({ path, kind, readOnly, state, reason, settings }) => [
          path,
          readOnly ? `${kind}, read-only` : kind,
          state,
          reason ?? placeText(settings),
        ]),
      ]),
  },
  examples: [{ input: {} }],
  async run(fs, _, context) {
    const { mountsSeen } = await import("./mount-view.ts");
    return { mounts: await mountsSeen(fs.mounts, context) };
  },
});

function placeText(settings: Readonly<Record<string, unknown>> = {}): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}

export const mountOperations: readonly Operation<FsState>[] = [mount, unmount, list];
