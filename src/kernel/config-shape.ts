/** What a module's configuration schema says about its keys: their names, their environment names, their types. */
import * as v from "valibot";
import { OperoneError } from "./error.ts";
import { inputEntries, type Schema } from "./operation.ts";

/** The part of a module that the configuration needs; every `Module` is one. */
export interface ConfigModule {
  readonly id: string;
  readonly config: Schema;
}

/** A key that holds a value rather than more keys. */
export interface ConfigLeaf {
  /** As it is written: `http.port`. */
  readonly key: string;
  readonly path: readonly string[];
  readonly schema: Schema;
  /** `OPERONE_HTTP_PORT`. */
  readonly environment: string;
}

/** @throws OperoneError `internal` when a schema is no strict object or two keys share an environment name. */
export function leavesOf(modules: readonly ConfigModule[]): readonly ConfigLeaf[] {
  const leaves = modules.flatMap((module) => {
    if (tableEntries(module.config) === undefined) {
      throw new OperoneError(
        "internal",
        `The configuration of module "${module.id}" must be a v.strictObject`,
      );
    }
    return leavesBelow(module.config, [module.id]);
  });
  const seen = new Map<string, string>();
  for (const { environment, key } of leaves) {
    const other = seen.get(environment);
    if (other !== undefined) {
      throw new OperoneError("internal", `"${other}" and "${key}" would share the variable ${environment}`);
    }
    seen.set(environment, key);
  }
  return leaves;
}

function leavesBelow(schema: Schema, path: readonly string[]): readonly ConfigLeaf[] {
  const entries = tableEntries(schema);
  if (entries === undefined) {
    return [{ key: path.join("."), path, schema, environment: environmentName(path) }];
  }
  return Object.entries(entries).flatMap(([name, entry]) => leavesBelow(entry, [...path, name]));
}

/** The keys of a table, looking through `optional`; undefined for anything that holds a value. */
export function tableEntries(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  return inputEntries(unwrapped(schema));
}

/** `["http", "bodyBytesMax"]` is `OPERONE_HTTP_BODY_BYTES_MAX`. */
export function environmentName(path: readonly string[]): string {
  const words = path.map((name) => name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/[^A-Za-z0-9]/g, "_"));
  return `OPERONE_${words.join("_")}`.toUpperCase();
}

/**
 * A string from the environment or a flag as the value that the schema wants. What cannot be converted stays as
 * it is, so that validation names the refused text.
 */
export function typedValue(schema: Schema, text: string): unknown {
  const inner = unwrapped(schema);
  const options = (inner as Schema & { readonly options?: readonly unknown[] }).options;
  switch (inner.type) {
    case "number":
      return /^-?\d[\d_]*(\.\d+)?$/.test(text) ? Number(text.replaceAll("_", "")) : text;
    case "boolean":
      return booleans.get(text.toLowerCase()) ?? text;
    case "picklist":
    case "enum":
      return options?.find((option) => String(option) === text) ?? text;
    case "literal": {
      const literal = (inner as Schema & { readonly literal?: unknown }).literal;
      return String(literal) === text ? literal : text;
    }
    case "union":
    case "variant":
      return unionValue((options ?? []) as readonly Schema[], text);
    case "array": {
      const item = (inner as Schema & { readonly item?: Schema }).item;
      if (text.trimStart().startsWith("[") || item === undefined) return jsonOr(text);
      if (text.trim() === "") return [];
      return text.split(",").map((part) => typedValue(item, part.trim()));
    }
    case "string":
      return text;
    default:
      return jsonOr(text);
  }
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["no", false],
  ["off", false],
]);

function unionValue(options: readonly Schema[], text: string): unknown {
  for (const option of options) {
    const value = typedValue(option, text);
    if (v.safeParse(option, value).success) return value;
  }
  return text;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function unwrapped(schema: Schema): Schema {
  let inner = schema as Schema & { readonly wrapped?: Schema };
  while (inner.wrapped !== undefined) inner = inner.wrapped;
  return inner;
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
