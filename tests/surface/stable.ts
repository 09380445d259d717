/**
 * Which parts of an answer may differ between two calls of the same operation. No names of fields are listed: what
 * already differs between two direct calls is volatile, and so is a number whose name says that it is a time or a
 * duration (`...Ms`). Of a volatile part only the type is compared, and of a text for people its words and not its
 * numbers: "491 MiB resident" may change with any call.
 */
import assert from "node:assert/strict";

/** @throws AssertionError where `other` differs from `before` in what is not volatile */
export function assertSame(other: unknown, before: unknown, after: unknown, where: string): void {
  if (isObject(before) && isObject(after)) {
    assert.ok(isObject(other), `${where}: ${JSON.stringify(other)} is no object`);
    const always = Object.keys(before).filter((key) => Object.hasOwn(after, key));
    const sometimes = new Set([...Object.keys(before), ...Object.keys(after)]);
    for (const key of always) {
      assert.ok(Object.hasOwn(other, key), `${where}.${key} is missing`);
      if (!/Ms$/.test(key)) assertSame(other[key], before[key], after[key], `${where}.${key}`);
    }
    for (const key of Object.keys(other)) assert.ok(sometimes.has(key), `${where}.${key} is too much`);
  } else if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    assert.ok(Array.isArray(other), `${where}: ${JSON.stringify(other)} is no list`);
    assert.equal(other.length, before.length, `${where}.length`);
    for (const [at, item] of other.entries()) assertSame(item, before[at], after[at], `${where}[${at}]`);
  } else if (typeof before === "string" && typeof other === "string" && / /.test(before)) {
    if (Object.is(before, after)) assert.equal(withoutNumbers(other), withoutNumbers(before), where);
  } else if (Object.is(before, after)) assert.deepEqual(other, before, where);
  else
    assert.ok([typeOf(before), typeOf(after)].includes(typeOf(other)), `${where}: ${JSON.stringify(other)}`);
}

/** @throws AssertionError unless everything in `part` is in `whole` and equal there */
export function assertContains(whole: unknown, part: unknown, where: string): void {
  if (isObject(part) && isObject(whole)) {
    for (const [key, value] of Object.entries(part)) assertContains(whole[key], value, `${where}.${key}`);
  } else assert.deepEqual(whole, part, where);
}

function withoutNumbers(text: string): string {
  return text.replaceAll(/[0-9]+/g, "0");
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
