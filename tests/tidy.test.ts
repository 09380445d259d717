/**
 * The rules of the house, as data. A rule is a sentence, a way to look, what to do instead, and files that break
 * it; the last are tried on the rule itself, so that no rule can fall asleep.
 */

import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { importRules } from "./tidy/imports.ts";
import { projectRules } from "./tidy/project.ts";
import { runtimeRules } from "./tidy/runtime.ts";
import { readTree, treeOf } from "./tidy/source.ts";
import { styleRules } from "./tidy/style.ts";

const tree = await readTree(resolve(import.meta.dir, ".."));

for (const { name, instead, check, breaks, foundIn = Object.keys(breaks), keeps = {} } of [
  ...importRules,
  ...styleRules,
  ...runtimeRules,
  ...projectRules,
]) {
  describe(name, () => {
    test("holds in every file", () => {
      const findings = check(tree).map(({ path, line, found }) => `${path}:${line}: ${found}`);
      expect(findings.length === 0 ? findings : [...findings, instead]).toEqual([]);
    });

    test("is found where it is broken", () => {
      const found = check(treeOf(breaks)).map(({ path }) => path);
      expect([...new Set(found)].sort()).toEqual([...foundIn].sort());
    });

    test("is not seen where it is kept", () => {
      expect(check(treeOf(keeps))).toEqual([]);
    });
  });
}
