import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nameFrom } from "./node-name.ts";

test("a host name becomes a short name that can be typed", () => {
  assert.equal(nameFrom("Ada's MacBook.local"), "ada-s-macbook");
  assert.equal(nameFrom("pi"), "pi");
  assert.equal(nameFrom("-x-"), "x");
  for (const empty of ["", "...", "\u6771\u4eac"]) assert.equal(nameFrom(empty), "node");
});

test("whatever the host is called, its name is a valid one, and stays the same when taken again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (hostName) => {
      const name = nameFrom(hostName);
      assert.match(name, /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
      assert.equal(nameFrom(name), name);
    }),
  );
});
