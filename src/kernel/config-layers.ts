/** Reads one layer of the configuration into settings: which key gets which value, and from where. */
import { type ConfigMigration, migrateConfig } from "./config-migrate.ts";
import { type ConfigLeaf, type ConfigModule, isTable, tableEntries, typedValue } from "./config-shape.ts";
import { OperoneError } from "./error.ts";
import { nearest } from "./nearest.ts";

/** Later layers win. What no layer sets is the schema's default. */
export type ConfigLayer =
  /** A file, parsed: a table for each module, and `version`. `lineOf` finds a key's line for messages. */
  | {
      readonly source: string;
      readonly values: unknown;
      lineOf?(path: readonly string[]): number | undefined;
    }
  /** Environment variables; names are derived from the schemas: `OPERONE_HTTP_PORT`. */
  | { readonly source: string; readonly environment: Readonly<Record<string, string | undefined>> }
  /** `http.port=7000`, as `--set` takes them. */
  | { readonly source: string; readonly settings: readonly string[] };

export interface ConfigProblem {
  readonly source: string;
  readonly line?: number;
  readonly key: string;
  readonly message: string;
  readonly suggestion?: string;
}

/** Variables that are no configuration keys: the data directory is known before the file in it is read. */
const environmentKnown: readonly string[] = ["OPERONE_HOME"];

/** One key that a layer sets. */
export interface Setting {
  readonly leaf: ConfigLeaf;
  readonly value: unknown;
  readonly source: string;
  readonly line?: number;
}

export interface LayerContext {
  readonly modules: readonly ConfigModule[];
  readonly leaves: readonly ConfigLeaf[];
  readonly migrations: readonly ConfigMigration[];
  /** What is wrong is added here, so that everything is told at once. */
  readonly problems: ConfigProblem[];
}

export function settingsOf(layer: ConfigLayer, context: LayerContext): readonly Setting[] {
  if ("environment" in layer) return environmentSettings(layer.source, layer.environment, context);
  if ("settings" in layer) return layer.settings.flatMap((text) => flagSetting(layer.source, text, context));
  if (!isTable(layer.values)) {
    context.problems.push({
      source: layer.source,
      key: "",
      message: `expected tables, got ${shown(layer.values)}`,
    });
    return [];
  }
  try {
    const { tables } = migrateConfig(layer.values, layer.source, context.migrations);
    return tableSettings(layer, tables, context);
  } catch (error) {
    if (!(error instanceof OperoneError)) throw error;
    context.problems.push({ source: layer.source, key: "version", message: error.message });
    return [];
  }
}

type FileLayer = Extract<ConfigLayer, { values: unknown }>;

function tableSettings(
  layer: FileLayer,
  tables: Readonly<Record<string, unknown>>,
  context: LayerContext,
): readonly Setting[] {
  const leaves = new Map(context.leaves.map((leaf) => [leaf.key, leaf]));
  const walk = (value: unknown, path: readonly string[], known: readonly string[]): readonly Setting[] => {
    const key = path.join(".");
    const line = layer.lineOf?.(path);
    const where = line === undefined ? { source: layer.source } : { source: layer.source, line };
    const leaf = leaves.get(key);
    if (leaf !== undefined) return [{ leaf, value, ...where }];
    const below = namesBelow(context, path);
    if (below === undefined) {
      context.problems.push({ ...where, ...unknownKey(path, known, context) });
      return [];
    }
    if (!isTable(value)) {
      context.problems.push({ ...where, key, message: `expected a table, got ${shown(value)}` });
      return [];
    }
    return Object.entries(value).flatMap(([name, inner]) => walk(inner, [...path, name], below));
  };
  const ids = context.modules.map((module) => module.id);
  return Object.entries(tables).flatMap(([name, value]) => walk(value, [name], [...ids, "version"]));
}

/** Names that may stand in the table at `path`; undefined when there is no such table. */
function namesBelow(context: LayerContext, path: readonly string[]): readonly string[] | undefined {
  const [id, ...rest] = path;
  let schema = context.modules.find((module) => module.id === id)?.config;
  for (const name of rest) {
    const entries = schema === undefined ? undefined : tableEntries(schema);
    schema = entries !== undefined && Object.hasOwn(entries, name) ? entries[name] : undefined;
  }
  const entries = schema === undefined ? undefined : tableEntries(schema);
  return entries === undefined ? undefined : Object.keys(entries);
}

/** The nearest name in the same table first; else the nearest key anywhere, for a key in a wrong table. */
function unknownKey(path: readonly string[], known: readonly string[], context: LayerContext) {
  const name = path.at(-1) ?? "";
  const parent = path.slice(0, -1);
  const near = nearest(name, known);
  const elsewhere = context.leaves.find((leaf) => leaf.path.at(-1) === name)?.key;
  const suggestion = near === undefined ? elsewhere : [...parent, near].join(".");
  const none =
    parent.length === 0 ? `the tables are ${known.join(", ")}` : `${parent.join(".")} has ${listed(known)}`;
  return problem(path.join("."), `is not a ${parent.length === 0 ? "table" : "key"}`, suggestion, none);
}

function environmentSettings(
  source: string,
  environment: Readonly<Record<string, string | undefined>>,
  context: LayerContext,
): readonly Setting[] {
  const byName = new Map(context.leaves.map((leaf) => [leaf.environment, leaf]));
  const prefixes = context.modules.map(
    (module) => `OPERONE_${module.id.toUpperCase().replaceAll("-", "_")}_`,
  );
  const settings: Setting[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith("OPERONE_") || environmentKnown.includes(name)) continue;
    const leaf = byName.get(name);
    if (leaf !== undefined) {
      settings.push({ leaf, value: typedValue(leaf.schema, text), source: `${source} ${name}` });
      continue;
    }
    const near = nearestVariable(name, [...byName.keys(), ...environmentKnown]);
    // Container engines set names of their own (OPERONE_SERVICE_HOST): only a slip of one of ours is an error.
    if (near === undefined && !prefixes.some((prefix) => name.startsWith(prefix))) continue;
    context.problems.push({ source, ...problem(name, "is not a variable of Operone", near, "unset it") });
  }
  return settings;
}

/** Compares what follows the common prefix, which would make any two names look alike. */
function nearestVariable(name: string, known: readonly string[]): string | undefined {
  const prefix = "OPERONE_";
  const near = nearest(
    name.slice(prefix.length),
    known.map((other) => other.slice(prefix.length)),
  );
  return near === undefined ? undefined : `${prefix}${near}`;
}

function flagSetting(source: string, text: string, context: LayerContext): readonly Setting[] {
  const at = text.indexOf("=");
  const key = at < 0 ? text : text.slice(0, at);
  if (at < 0) {
    context.problems.push({ source, key, message: "has no value; write --set key=value" });
    return [];
  }
  const leaf = context.leaves.find((candidate) => candidate.key === key);
  if (leaf === undefined) {
    const near = nearest(
      key,
      context.leaves.map((candidate) => candidate.key),
    );
    context.problems.push({ source, ...problem(key, "is not a key", near, 'see "operone config explain"') });
    return [];
  }
  return [{ leaf, value: typedValue(leaf.schema, text.slice(at + 1)), source: `${source} ${key}` }];
}

function problem(key: string, what: string, suggestion: string | undefined, otherwise: string) {
  if (suggestion === undefined) return { key, message: `${what}; ${otherwise}` };
  return { key, suggestion, message: `${what}; did you mean "${suggestion}"?` };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "no keys" : names.join(", ");
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? typeof value;
}
