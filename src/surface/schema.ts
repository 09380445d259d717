/**
 * What the surfaces know of an operation's valibot schemas: their JSON Schema, and how strings (a query, a command
 * line) become typed JSON values.
 *
 * One rule for strings, the same everywhere: `NAME=text` is read by the schema of NAME; `NAME:json=text` takes the
 * whole value as JSON text, exactly. The second form is for what the first cannot say: an empty list, the number 5
 * where a string is allowed too, a nested object.
 */
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { byteText } from "../kernel/byte-text.ts";
import { OperoneError } from "../kernel/error.ts";
import { inputEntries, type Operation, type Schema } from "../kernel/operation.ts";
import { textRows } from "../kernel/text-rows.ts";

/** Names with this suffix take JSON text. */
export const jsonSuffix = ":json";

export type SchemaMode = "input" | "output";

/** Refinements without a counterpart in JSON Schema. Leaving them out widens the document, never narrows it. */
const refinements = ["check", "raw_check", "partial_check", "check_items", "bytes", "min_bytes", "max_bytes"];
/** Actions that keep the JSON type, so that the schema before them still describes what comes out. */
const typeKeeping = [
  "trim",
  "trim_start",
  "trim_end",
  "to_lower_case",
  "to_upper_case",
  "normalize",
  "readonly",
  "brand",
];

/** Of schemas that are a function to valibot. */
const ownSchemas = new Map<unknown, JsonSchema>([
  [byteText, { type: "string" }],
  [textRows, { type: "array", items: { type: "array", items: { type: "string" } } }],
]);

const cache: Record<SchemaMode, WeakMap<Schema, JsonSchema>> = {
  input: new WeakMap(),
  output: new WeakMap(),
};

/**
 * JSON Schema, draft 2020-12, of what goes in or comes out; without the `$schema` key. Cached, so do not change it.
 *
 * @throws Error when the schema has no JSON Schema: such a schema cannot be shown on any surface.
 */
export function jsonSchemaOf(schema: Schema, mode: SchemaMode): JsonSchema {
  const known = cache[mode].get(schema);
  if (known !== undefined) return known;
  const { $schema: _, ...made } = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode: mode,
    errorMode: "throw",
    ignoreActions: [...refinements, ...typeKeeping],
    overrideSchema: ({ valibotSchema }) => ownSchemas.get(valibotSchema),
  });
  cache[mode].set(schema, made);
  return made;
}

/** What a schema expects, as far as reading it from a string needs to know. */
export type Shape =
  | { readonly kind: "string" | "number" | "boolean" | "null" }
  | { readonly kind: "choice"; readonly values: readonly (string | number | boolean)[] }
  | { readonly kind: "array"; readonly item: Schema }
  | { readonly kind: "record"; readonly value: Schema }
  | { readonly kind: "union"; readonly options: readonly Schema[] }
  /** An object, a tuple or anything: JSON text. */
  | { readonly kind: "json" };

type Inner = Schema & {
  readonly wrapped?: Schema;
  readonly item?: Schema;
  readonly value?: Schema;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly getter?: (input: unknown) => Schema;
};

const wrappers = new Set([
  "optional",
  "exact_optional",
  "undefinedable",
  "non_optional",
  "non_nullable",
  "non_nullish",
]);
const nullSchema = v.null();

/** A pipe has the shape of its first schema, because that is what arrives. */
export function shapeOf(schema: Schema): Shape {
  const { type, wrapped, item, value, options, literal, getter } = schema as Inner;
  if (wrapped !== undefined && wrappers.has(type)) return shapeOf(wrapped);
  if (wrapped !== undefined && (type === "nullable" || type === "nullish")) {
    return { kind: "union", options: [wrapped, nullSchema] };
  }
  if (type === "lazy" && getter !== undefined) return shapeOf(getter(undefined));
  if (type === "string" || type === "number" || type === "boolean" || type === "null") return { kind: type };
  if (type === "literal" && isScalar(literal)) return { kind: "choice", values: [literal] };
  if ((type === "picklist" || type === "enum") && options !== undefined) {
    return { kind: "choice", values: options.filter(isScalar) };
  }
  if (type === "array" && item !== undefined) return { kind: "array", item };
  if (type === "record" && value !== undefined) return { kind: "record", value };
  if (type === "union" && options !== undefined)
    return { kind: "union", options: options as readonly Schema[] };
  return { kind: "json" };
}

/** Whether the input can be written as plain `NAME=text` pairs: scalars, and lists and records of scalars. */
export function isFlat(operation: Operation): boolean {
  return Object.values(inputEntries(operation.input) ?? {}).every((schema) => isFlatSchema(schema, 1));
}

function isFlatSchema(schema: Schema, listsAllowed: number): boolean {
  const shape = shapeOf(schema);
  if (shape.kind === "json") return false;
  if (shape.kind === "union") return shape.options.every((option) => isFlatSchema(option, listsAllowed));
  if (shape.kind === "array") return listsAllowed > 0 && isFlatSchema(shape.item, listsAllowed - 1);
  if (shape.kind === "record") return listsAllowed > 0 && isFlatSchema(shape.value, listsAllowed - 1);
  return true;
}

/**
 * Typed JSON values from strings, by the operation's input schema. A string that does not convert stays a string and
 * an unknown name is kept, so that validation refuses them by name.
 *
 * @throws OperoneError `invalid_input` for a `NAME:json` whose text is no JSON, or that does not stand alone.
 */
export function inputFromStrings(
  operation: Operation,
  pairs: Iterable<readonly [string, string]>,
): Record<string, unknown> {
  const texts = new Map<string, string[]>();
  for (const [name, text] of pairs) {
    const known = texts.get(name);
    if (known === undefined) texts.set(name, [text]);
    else known.push(text);
  }
  const entries = inputEntries(operation.input) ?? {};
  const typed: [string, unknown][] = [];
  for (const [name, values] of texts) {
    if (name.endsWith(jsonSuffix)) typed.push(wholeValue(operation, name, values, texts));
    else typed.push([name, valueFromTexts(Object.hasOwn(entries, name) ? entries[name] : undefined, values)]);
  }
  // fromEntries defines the keys, so that a name like "__proto__" is a plain key here, and is then refused.
  return Object.fromEntries(typed);
}

/** The inverse of `inputFromStrings`, for every JSON object; `undefined` values are left out. */
export function stringsFromInput(
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
): [string, string][] {
  const entries = inputEntries(operation.input) ?? {};
  return Object.entries(input).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return [];
    const schema = Object.hasOwn(entries, name) ? entries[name] : undefined;
    const texts = name.endsWith(jsonSuffix) ? undefined : textsFromValue(schema, value);
    return texts?.map((text) => [name, text]) ?? [[name + jsonSuffix, JSON.stringify(value)]];
  });
}

function wholeValue(
  operation: Operation,
  name: string,
  values: readonly string[],
  texts: ReadonlyMap<string, unknown>,
): [string, unknown] {
  const key = name.slice(0, -jsonSuffix.length);
  const [text = ""] = values;
  if (values.length > 1 || (texts.has(key) && !key.endsWith(jsonSuffix))) {
    throw new OperoneError(
      "invalid_input",
      `"${name}" takes the whole value of "${key}" for ${operation.id} and was given more than once; give it once, or use "${key}" alone`,
    );
  }
  try {
    return [key, JSON.parse(text)];
  } catch {
    throw new OperoneError(
      "invalid_input",
      `"${name}" for ${operation.id} takes JSON text and ${quote(text)} is none; a plain string goes to "${key}"`,
    );
  }
}

/** What a text becomes for a schema. `converted` is false when the text stayed as it was, although it should not. */
interface Reading {
  readonly value: unknown;
  readonly converted: boolean;
}

function valueFromTexts(schema: Schema | undefined, texts: readonly string[]): unknown {
  if (schema === undefined) return texts.length === 1 ? texts[0] : texts;
  return read(schema, texts).value;
}

function read(schema: Schema, texts: readonly string[]): Reading {
  const shape = shapeOf(schema);
  if (shape.kind === "array")
    return { value: texts.map((text) => read(shape.item, [text]).value), converted: true };
  if (shape.kind === "record") return readRecord(shape.value, texts);
  if (shape.kind === "union") return readUnion(shape.options, texts);
  const [text = ""] = texts;
  if (texts.length !== 1) return { value: texts, converted: false };
  return readScalar(shape, text);
}

function readScalar(shape: Shape, text: string): Reading {
  const kept = { value: text, converted: false };
  if (shape.kind === "string") return { value: text, converted: true };
  if (shape.kind === "number") return numberText.test(text) ? finite(text) : kept;
  if (shape.kind === "boolean")
    return text === "true" || text === "false" ? { value: text === "true", converted: true } : kept;
  if (shape.kind === "null") return text === "null" ? { value: null, converted: true } : kept;
  if (shape.kind === "choice") {
    const value = shape.values.find((choice) => String(choice) === text);
    return value === undefined ? kept : { value, converted: true };
  }
  try {
    return { value: JSON.parse(text), converted: true };
  } catch {
    return kept;
  }
}

/** JSON's number grammar: no "0x10", "+5", "1_000" or " 5", which other readers take in different ways. */
const numberText = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

function finite(text: string): Reading {
  const value = Number(text);
  return Number.isFinite(value) ? { value, converted: true } : { value: text, converted: false };
}

function readRecord(schema: Schema, texts: readonly string[]): Reading {
  const pairs: [string, unknown][] = [];
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 0) return { value: texts.length === 1 ? text : texts, converted: false };
    pairs.push([text.slice(0, at), read(schema, [text.slice(at + 1)]).value]);
  }
  return { value: Object.fromEntries(pairs), converted: true };
}

/** Where a string is allowed the text stays a string, so that no name or word turns into something else by its look. */
function readUnion(options: readonly Schema[], texts: readonly string[]): Reading {
  const [text = ""] = texts;
  const readings = options.map((option) => ({ option, ...read(option, texts) }));
  if (texts.length === 1 && readings.some(({ option, value }) => value === text && v.is(option, value))) {
    return { value: text, converted: true };
  }
  const fitting = readings.find(({ option, converted, value }) => converted && v.is(option, value));
  const chosen = fitting ?? readings.find(({ converted }) => converted);
  return chosen ?? { value: texts.length === 1 ? text : texts, converted: false };
}

/** Texts that read back as exactly this value, or undefined when only JSON text can say it. */
function textsFromValue(schema: Schema | undefined, value: unknown): string[] | undefined {
  const texts = Array.isArray(value)
    ? value.map(scalarText)
    : isRecord(value) && schema !== undefined && hasRecordShape(schema)
      ? Object.entries(value).map(([key, inner]) => `${key}=${scalarText(inner)}`)
      : [scalarText(value)];
  if (texts.length === 0 || !texts.every(isPlainText)) return undefined;
  return sameJson(valueFromTexts(schema, texts), value) ? texts : undefined;
}

function hasRecordShape(schema: Schema): boolean {
  const shape = shapeOf(schema);
  return shape.kind === "record" || (shape.kind === "union" && shape.options.some(hasRecordShape));
}

function scalarText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** NUL cannot stand in an argument vector, and half a surrogate pair not in a query; JSON text escapes both. */
function isPlainText(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

function sameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
