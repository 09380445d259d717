import { expect, test } from "bun:test";
import { homedir } from "node:os";
import fc from "fast-check";
import * as v from "valibot";
import { FileScope, readPermission, readRequest } from "./scope.ts";

function allows(scope: v.InferInput<typeof FileScope>, path: string): boolean {
  return readPermission.covers?.(v.parse(FileScope, scope), readRequest(path).request) === true;
}

test("a folder holds itself and what is in it, and not what only begins like it", () => {
  const scope = { paths: ["/srv/data"] };
  expect(allows(scope, "/srv/data")).toBe(true);
  expect(allows(scope, "/srv/data/a/b")).toBe(true);
  expect(allows(scope, "/srv/database")).toBe(false);
  expect(allows(scope, "/srv")).toBe(false);
  expect(allows({ paths: ["/srv/data/"] }, "/srv//data/./a")).toBe(true);
});

test("the home is the same written either way", () => {
  expect(allows({ paths: ["~/notes"] }, `${homedir()}/notes/a`)).toBe(true);
  expect(allows({ paths: [`${homedir()}/notes`] }, "~/notes/a")).toBe(true);
});

test("the root of the machine holds no mount, and a mount holds nothing of the machine", () => {
  expect(allows({ paths: ["/"] }, "/etc/hosts")).toBe(true);
  expect(allows({ paths: ["/"] }, "/@docs/a")).toBe(false);
  expect(allows({ paths: ["/@docs"] }, "/@docs/a")).toBe(true);
  expect(allows({ paths: ["/@docs"] }, "/@docs2/a")).toBe(false);
});

test("a scope without hidden files ends at the first name with a dot, wherever it is", () => {
  const scope = { paths: ["/home/me", "/home/me/.config/app"], hidden: false };
  expect(allows(scope, "/home/me/notes/a.md")).toBe(true);
  expect(allows(scope, "/home/me/.ssh")).toBe(false);
  expect(allows(scope, "/home/me/project/.git/hooks/pre-commit")).toBe(false);
  expect(allows(scope, "/home/me/.config/app/settings")).toBe(true);
  expect(allows({ paths: ["/"], hidden: false }, "/.env")).toBe(false);
});

test("what is no absolute path, or climbs, is no scope", () => {
  for (const path of ["notes", "", "~other/a", "/a/../b", "..", "/a\0b", "\ud800"]) {
    expect(v.safeParse(FileScope, { paths: [path] }).success).toBe(false);
  }
  expect(v.safeParse(FileScope, { paths: [] }).success).toBe(false);
  expect(v.safeParse(FileScope, { paths: ["/a"], path: "/" }).success).toBe(false);
});

test("a scope never holds what lies outside all of its folders", () => {
  const name = fc.stringMatching(/^[a-c.]{1,3}$/).filter((text) => text !== "." && text !== "..");
  const path = fc.array(name, { maxLength: 4 }).map((names) => `/${names.join("/")}`);
  fc.assert(
    fc.property(
      fc.array(path, { minLength: 1, maxLength: 3 }),
      path,
      fc.boolean(),
      (paths, asked, hidden) => {
        if (!allows({ paths, hidden }, asked)) return;
        const parts = asked.split("/").filter((part) => part !== "");
        const isInside = paths.some((folder) => {
          const names = folder.split("/").filter((part) => part !== "");
          return names.every((part, at) => parts[at] === part);
        });
        expect(isInside).toBe(true);
      },
    ),
  );
});

test("a path has one spelling, so that no deny is written beside what it means", () => {
  const spelled = { paths: ["/srv/\uf7c3\uf7a9"] };
  expect(v.safeParse(FileScope, spelled).success).toBe(false);
  expect(v.safeParse(FileScope, { paths: ["/srv/é", "/srv/\uf7ff"] }).success).toBe(true);
});
