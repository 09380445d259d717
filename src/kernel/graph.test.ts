import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { operationTable, permissionsOf, startOrder } from "./graph.ts";
import { defineModule, type Module, service } from "./module.ts";
import { operationsOf } from "./operation.ts";

function module(
  id: string,
  requires: readonly string[] = [],
  provides: readonly string[] = [],
  more: Partial<Module> = {},
): Module {
  const keys = (ids: readonly string[]) => Object.fromEntries(ids.map((key) => [key, service<unknown>(key)]));
  return defineModule({
    id,
    summary: id,
    config: v.strictObject({}),
    permissions: {},
    operations: [],
    start: () => ({ state: undefined, services: {} }),
    ...more,
    requires: keys(requires),
    provides: keys(provides),
  });
}

const ids = (modules: readonly Module[]) => modules.map((each) => each.id);

test("providers start before users, and ties go by id", () => {
  const modules = [module("c", ["a.x"]), module("b"), module("d"), module("a", [], ["a.x"])];
  assert.deepEqual(ids(startOrder(modules, new Set())), ["a", "b", "c", "d"]);
  assert.deepEqual(ids(startOrder([module("a", ["z.x"]), module("z", [], ["z.x"])], new Set())), ["z", "a"]);
});

test("the order does not depend on the order of the list", () => {
  const modules = [module("a", ["z.x"]), module("b", ["a.x"]), module("m"), module("z", [], ["z.x"])];
  const all = [...modules.slice(0, 0), module("a", ["z.x"], ["a.x"]), ...modules.slice(1)];
  const expected = ids(startOrder(all, new Set()));
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
      assert.deepEqual(ids(startOrder(shuffled, new Set())), expected);
    }),
  );
});

test("a missing provider is a sentence that names both sides", () => {
  assert.throws(
    () => startOrder([module("shell", ["access.secrets"])], new Set()),
    /"shell" requires the service "access.secrets"/,
  );
});

test("what the kernel provides needs no module", () => {
  assert.deepEqual(ids(startOrder([module("a", ["port.clock"])], new Set(["port.clock"]))), ["a"]);
});

test("a circle is named in full", () => {
  const circle = [
    module("a", ["b.x"], ["a.x"]),
    module("b", ["c.x"], ["b.x"]),
    module("c", ["a.x"], ["c.x"]),
  ];
  assert.throws(() => startOrder(circle, new Set()), /a -> b -> c -> a/);
});

test("a service with two providers is refused with both names", () => {
  assert.throws(
    () => startOrder([module("a", [], ["x"]), module("b", [], ["x"])], new Set()),
    /"x" is provided by "a" and by "b"/,
  );
  assert.throws(() => startOrder([module("a", [], ["x"])], new Set(["x"])), /by "the kernel" and by "a"/);
});

test("two modules with one id are refused", () => {
  assert.throws(() => startOrder([module("a"), module("a")], new Set()), /Two modules have the id "a"/);
});

test("a permission lies under its module's name", () => {
  assert.throws(
    () => permissionsOf([module("a", [], [], { permissions: { "b.read": { summary: "x" } } })]),
    /begin with "a."/,
  );
});

test("an operation that needs an undeclared permission, or is listed twice or elsewhere, is refused", () => {
  const define = operationsOf<unknown>("a");
  const op = (needs: readonly string[]) =>
    define({
      name: "x",
      summary: "x",
      effect: "read",
      needs,
      input: v.strictObject({}),
      output: v.null(),
      run: () => null,
    });
  const table = (modules: readonly Module[]) => operationTable(modules, permissionsOf(modules));
  assert.throws(
    () => table([module("a", [], [], { operations: [op(["a.raed"])] })]),
    /needs "a.raed", which no module declares/,
  );
  assert.throws(
    () => table([module("a", [], [], { operations: [op([]), op([])] })]),
    /"a.x" is listed twice/,
  );
  assert.throws(() => table([module("b", [], [], { operations: [op([])] })]), /belongs to "a"/);
  assert.deepEqual([...table([module("a", [], [], { operations: [op([])] })]).keys()], ["a.x"]);
});

test("an operation that is defined wrongly is refused when it is loaded", () => {
  const define = operationsOf<unknown>("a");
  const base = {
    name: "x",
    summary: "x",
    effect: "read",
    needs: [] as string[],
    output: v.null(),
    run: () => null,
  } as const;
  assert.throws(() => define({ ...base, input: v.strictObject({ node: v.string() }) }), /"node" is reserved/);
  assert.throws(() => define({ ...base, input: v.object({}) }), /must be a v.strictObject/);
  assert.throws(() => define({ ...base, name: "X y", input: v.strictObject({}) }), /lower-case words/);
  assert.throws(
    () => define({ ...base, takes: "messages", input: v.strictObject({}) }),
    /needs a message schema/,
  );
});
