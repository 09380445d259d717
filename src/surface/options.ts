/** An operation's input as options and positional words: one model for parsing, help, completion and reference. */
import * as v from "valibot";
import { inputEntries, type Operation, type Schema } from "../kernel/operation.ts";
import { type Shape, shapeOf } from "./schema.ts";

export interface Option {
  /** The input's key. */
  readonly key: string;
  /** As it is typed, without dashes: `work-directory` for `workDirectory`. */
  readonly name: string;
  /** `--name` alone says true and `--no-name` false. */
  readonly flag: boolean;
  /** May be given more than once. */
  readonly repeated: boolean;
  /** `--no-name` says an empty list or null. */
  readonly clears: "list" | "null" | undefined;
  readonly required: boolean;
  /** What stands for a value: `TEXT`, `NUMBER`, `KEY=TEXT`, `info|warn`. */
  readonly value: string;
  /** Every value there is, where that is a closed list. */
  readonly choices: readonly string[];
  readonly description: string | undefined;
  readonly defaultValue: unknown;
  /** Place among the words, or undefined. */
  readonly position: number | undefined;
}

const known = new WeakMap<Operation, readonly Option[]>();

/** In the order of the schema, which is the order in which its author thinks of them. */
export function optionsOf(operation: Operation): readonly Option[] {
  let options = known.get(operation);
  if (options === undefined) {
    const entries = Object.entries(inputEntries(operation.input) ?? {});
    options = entries.map(([key, schema]) => optionOf(operation, key, schema));
    known.set(operation, options);
  }
  return options;
}

/** The options that are taken as words, in their order. */
export function positionalsOf(operation: Operation): readonly Option[] {
  return optionsOf(operation)
    .filter((option) => option.position !== undefined)
    .toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0));
}

function kebabCase(key: string): string {
  return key.replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase();
}

function optionOf(operation: Operation, key: string, schema: Schema): Option {
  const shape = shapeOf(schema);
  const at = operation.cli.positional?.indexOf(key) ?? -1;
  const flat = alternatives(shape);
  const nullable = flat.some(({ kind }) => kind === "null");
  const list = flat.some(({ kind }) => kind === "array");
  return {
    key,
    name: kebabCase(key),
    flag:
      flat.some(({ kind }) => kind === "boolean") &&
      flat.every(({ kind }) => kind === "boolean" || kind === "null"),
    repeated: list || flat.some(({ kind }) => kind === "record"),
    clears: list ? "list" : nullable ? "null" : undefined,
    required: !absentTypes.has(schema.type),
    value: [...new Set(flat.filter(({ kind }) => kind !== "null").map(placeholder))].join("|"),
    choices: flat.every(({ kind }) => kind === "choice" || kind === "null")
      ? flat.flatMap((one) => (one.kind === "choice" ? one.values.map(String) : []))
      : [],
    description: descriptionOf(schema),
    defaultValue: defaultOf(schema),
    position: at < 0 ? undefined : at,
  };
}

const absentTypes = new Set(["optional", "exact_optional", "nullish"]);

/** A union's options, with unions in unions taken apart. */
function alternatives(shape: Shape): readonly Shape[] {
  return shape.kind === "union" ? shape.options.flatMap((option) => alternatives(shapeOf(option))) : [shape];
}

function placeholder(shape: Shape): string {
  if (shape.kind === "choice") return shape.values.join("|");
  if (shape.kind === "array") return placeholders(shape.item);
  if (shape.kind === "record") return `KEY=${placeholders(shape.value)}`;
  if (shape.kind === "boolean") return "true|false";
  return { string: "TEXT", number: "NUMBER", null: "null", json: "JSON", union: "TEXT" }[shape.kind];
}

function placeholders(schema: Schema): string {
  return [...new Set(alternatives(shapeOf(schema)).map(placeholder))].join("|");
}

/** The nearest `v.description`, looking into wrappers. */
function descriptionOf(schema: Schema): string | undefined {
  const { wrapped } = schema as Schema & { readonly wrapped?: Schema };
  return v.getDescription(schema) ?? (wrapped === undefined ? undefined : descriptionOf(wrapped));
}

function defaultOf(schema: Schema): unknown {
  const { default: value, wrapped } = schema as Schema & {
    readonly default?: unknown;
    readonly wrapped?: Schema;
  };
  if (value !== undefined) return typeof value === "function" ? value() : value;
  return wrapped === undefined ? undefined : defaultOf(wrapped);
}
