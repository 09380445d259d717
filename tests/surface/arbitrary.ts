/** Values that a valibot schema accepts, made from the schema itself: every operation to come is covered too. */
import fc from "fast-check";
import * as v from "valibot";
import type { Schema } from "../../src/kernel/operation.ts";
import { shapeOf } from "../../src/surface/schema.ts";

type Inner = Schema & {
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly rest?: Schema;
  readonly items?: readonly Schema[];
  readonly wrapped?: Schema;
  readonly key?: Schema;
  readonly options?: readonly unknown[];
  readonly pipe?: readonly Action[];
  readonly getter?: (input: unknown) => Schema;
};

interface Action {
  readonly kind: string;
  readonly type: string;
  readonly requirement?: unknown;
}

/** Tries before a refinement that can only be met by luck is given up, with the schema's name; few do at first. */
const triesMax = [20, 2_000];

/** Raw JSON inputs that the schema accepts. @throws Error when none can be found. */
export function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  const made = plain(schema);
  if (
    !triesMax.some((numRuns) => fc.sample(made, { numRuns, seed: 1 }).some((value) => v.is(schema, value)))
  ) {
    throw new Error(
      `No value could be made for a schema that expects ${schema.expects}; add a case to arbitrary.ts`,
    );
  }
  return made.filter((value) => v.is(schema, value));
}

function plain(schema: Schema): fc.Arbitrary<unknown> {
  const inner = schema as Inner;
  const { entries, items, wrapped, options, getter } = inner;
  if (entries !== undefined) return objectOf(entries);
  if (items !== undefined) return fc.tuple(...items.map(plain));
  if (wrapped !== undefined)
    return ["nullable", "nullish"].includes(inner.type) ? fc.option(plain(wrapped)) : plain(wrapped);
  if (getter !== undefined) return fc.jsonValue();
  if (inner.type === "variant") return fc.oneof(...(options as Schema[]).map(plain));
  return byShape(schema, inner.pipe ?? []);
}

function byShape(schema: Schema, actions: readonly Action[]): fc.Arbitrary<unknown> {
  const shape = shapeOf(schema);
  if (shape.kind === "string") return stringOf(actions);
  if (shape.kind === "number") return numberOf(actions);
  if (shape.kind === "boolean") return fc.boolean();
  if (shape.kind === "null") return fc.constant(null);
  if (shape.kind === "choice") return fc.constantFrom(...shape.values);
  if (shape.kind === "array") return fc.array(arbitraryOf(shape.item), lengths(actions, 4));
  if (shape.kind === "union") return fc.oneof(...shape.options.map(arbitraryOf));
  if (shape.kind === "record") {
    const key = (schema as Inner).key;
    return fc
      .array(fc.tuple(key === undefined ? fc.string() : arbitraryOf(key), arbitraryOf(shape.value)), {
        maxLength: 3,
      })
      .map((pairs) => Object.fromEntries(pairs));
  }
  return fc.jsonValue({ maxDepth: 2 }).map(jsonOnly);
}

function objectOf(entries: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  const names = Object.keys(entries);
  const required = names.filter((name) => !mayBeAbsent(entries[name]));
  return fc.record(Object.fromEntries(names.map((name) => [name, arbitraryOf(entries[name] ?? v.never())])), {
    requiredKeys: required,
    noNullPrototype: true,
  });
}

function mayBeAbsent(schema: Schema | undefined): boolean {
  return schema !== undefined && ["optional", "exact_optional", "nullish"].includes(schema.type);
}

/** Words that look like other types, signs of a syntax, and text beyond ASCII, beside fast-check's own choice. */
const trickyTexts = [
  "",
  "null",
  "true",
  "5",
  "-1",
  "[]",
  "{}",
  '"a"',
  "a=b",
  "--json",
  "-h",
  "*",
  "a b",
  "ä\u{1f600}",
  "a\nb",
];

function stringOf(actions: readonly Action[]): fc.Arbitrary<string> {
  const pattern = actions
    .map(({ requirement }) => requirement)
    .find((requirement) => requirement instanceof RegExp);
  if (pattern !== undefined) return matching(pattern);
  const { minLength = 0, maxLength = 40 } = lengths(actions, 40);
  const free = fc.oneof(
    fc.string({ unit: "binary", minLength, maxLength }),
    fc.string({ minLength, maxLength }),
    fc.constantFrom(...trickyTexts),
  );
  return free.filter((text) => text.length >= minLength && text.length <= maxLength);
}

function matching(pattern: RegExp): fc.Arbitrary<string> {
  // What matches without the flag "i" matches with it too.
  const flags = pattern.flags.replaceAll(/[^msu]/g, "");
  return fc.stringMatching(new RegExp(pattern.source, flags)).map((text) => text);
}

function numberOf(actions: readonly Action[]): fc.Arbitrary<number> {
  const bound = (types: readonly string[]) =>
    actions.find(({ type }) => types.includes(type))?.requirement as number | undefined;
  const min = bound(["min_value", "gt_value"]);
  const max = bound(["max_value", "lt_value"]);
  const whole = actions.some(({ type }) => type === "integer" || type === "safe_integer");
  if (whole)
    return fc.integer({ min: min ?? -1_000_000, max: Math.min(max ?? 1_000_000, Number.MAX_SAFE_INTEGER) });
  return fc
    .double({
      noNaN: true,
      noDefaultInfinity: true,
      ...(min === undefined ? {} : { min }),
      ...(max === undefined ? {} : { max }),
    })
    .map(jsonOnly);
}

function lengths(actions: readonly Action[], most: number): { minLength: number; maxLength: number } {
  const bound = (type: string) =>
    actions.find((action) => action.type === type)?.requirement as number | undefined;
  const minLength =
    bound("length") ?? bound("min_length") ?? (actions.some(({ type }) => type === "non_empty") ? 1 : 0);
  const maxLength = Math.min(bound("length") ?? bound("max_length") ?? most, minLength + most);
  return { minLength, maxLength };
}

/** As it is after JSON: no negative zero. */
function jsonOnly<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
