import { expect, test } from "bun:test";
import fc from "fast-check";
import { dataPaths } from "../platform/paths.ts";
import { quoted, welcome, welcomeFacts } from "./welcome.ts";

test("any text comes out of a shell as it was quoted", () => {
  const text = fc.string({ unit: "binary" }).filter((value) => !value.includes("\0") && value.isWellFormed());
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (values) => {
      const line = `printf '%s\\0' ${values.map(quoted).join(" ")}`;
      const printed = Bun.spawnSync(["sh", "-c", line]).stdout.toString();
      expect(printed.split("\0").slice(0, -1)).toEqual(values);
    }),
    { numRuns: 20 },
  );
});

test("a node without an address still says how to reach it", () => {
  const facts = welcomeFacts({ paths: dataPaths("/d"), addresses: [] });
  expect(facts.try.length).toBe(2);
  expect(welcome(facts)).toContain("HTTP         none");
});

test("the token goes through a pipe, never onto a command line", () => {
  const facts = welcomeFacts({ paths: dataPaths("/a b"), addresses: ["http://127.0.0.1:1"] });
  expect(facts.try.at(-1)).toBe(
    "(printf 'authorization: Bearer '; cat '/a b/owner.token') | curl -sS -H @- http://127.0.0.1:1/v1/node/status",
  );
});
