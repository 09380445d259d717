import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { checkedWorkspace, isWithin } from "./sandbox-workspace.ts";

let folder = "";
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-work-")));
  for (const name of ["work", "home/me", "data/inner", ".hidden/work"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  writeFileSync(join(folder, "file"), "");
  symlinkSync(join(folder, "work"), join(folder, "link"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const check = (path: string) =>
  checkedWorkspace(path, { home: join(folder, "home/me"), dataDirectory: join(folder, "data") });

test("the folder of a project is a workspace, by its real path", async () => {
  expect(await check(join(folder, "work"))).toMatchObject({ real: join(folder, "work"), kind: "directory" });
  expect(await check(`${join(folder, "work")}/`)).toMatchObject({ real: join(folder, "work") });
});

test("what is no folder of a project is refused with the reason", async () => {
  for (const [path, code, reason] of [
    ["work", "invalid_input", "no absolute path"],
    ["/", "invalid_input", "the whole system"],
    ["/usr", "invalid_input", "/usr belongs to the system"],
    [join(folder, "link"), "invalid_input", "really"],
    [`${folder}/./work`, "invalid_input", "really"],
    [join(folder, "file"), "invalid_input", "no directory"],
    [join(folder, ".hidden/work"), "invalid_input", ".hidden"],
    [join(folder, "data"), "invalid_input", "data directory"],
    [join(folder, "data/inner"), "invalid_input", "data directory"],
    [join(folder, "home/me"), "invalid_input", "a home directory"],
    [join(folder, "home"), "invalid_input", "a home directory"],
    [join(folder, "gone"), "not_found", "does not exist"],
    [join(folder, "file/below"), "not_found", "does not exist"],
    [join(folder, "x".repeat(300)), "forbidden", "cannot be looked at"],
  ] as const) {
    await expect(check(path)).rejects.toMatchObject({ code, message: expect.stringContaining(reason) });
  }
});

test("a folder holds itself and what is below it, and nothing that only begins as it does", () => {
  const name = fc.stringMatching(/^[a-z]{1,5}$/);
  fc.assert(
    fc.property(name, name, name, (a, b, c) => {
      expect(isWithin(`/${a}`, `/${a}`)).toBe(true);
      expect(isWithin(`/${a}/${b}`, `/${a}`)).toBe(true);
      expect(isWithin(`/${a}`, "/")).toBe(true);
      expect(isWithin(`/${a}${b}`, `/${a}`)).toBe(false);
      expect(isWithin(`/${a}`, `/${a}/${c}`)).toBe(false);
    }),
  );
});
