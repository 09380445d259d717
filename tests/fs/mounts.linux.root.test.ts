/** What mounts, a full disk and one that is read-only do to files: tried for real, in a mount namespace of its own. */
import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";

interface Told {
  readonly own: { found: Record<string, string>; kept: string; copied: boolean };
  readonly full: Record<string, unknown>;
  readonly fixed: { found: Record<string, string>; text: string; trash: unknown };
  readonly vanished: Record<string, unknown>;
  readonly named: Record<string, unknown>;
}
let told: Told;
beforeAll(async () => {
  const words = ["unshare", "--mount", process.execPath, join(import.meta.dir, "mounts-stage.ts")];
  const stage = Bun.spawn(words, { stdio: ["ignore", "pipe", "inherit"] });
  told = JSON.parse(await stage.stdout.text());
}, 60_000);

test("the node's own files are nobody's by a second name, at a second mount, or with what holds them", () => {
  const { found, kept, copied } = told.own;
  expect(Object.entries(found).filter(([, code]) => code !== "forbidden")).toEqual([]);
  expect([kept, copied]).toEqual(["outside", false]);
});

test("on a full disk the old file stays whole, and nothing is left beside it", () => {
  expect(told.full).toEqual({
    ...{ write: "unavailable", append: "unavailable", restore: "unavailable", move: "done" },
    ...{ text: "old", names: ["moved"], restored: 4 * 1024 * 1024 },
  });
});

test("a disk that is read-only is told of as such, and loses nothing", () => {
  const { found, text, trash } = told.fixed;
  expect(new Set(Object.values(found))).toEqual(new Set(["unavailable"]));
  expect([text, trash]).toEqual(["old", { items: [] }]);
});

test("a directory that was mounted and is gone is unavailable, and is not made anew", () => {
  expect(told.vanished).toEqual({
    ...{ open: "unavailable", write: "unavailable", list: "unavailable", made: false },
  });
});

test("while the disk of a named folder is away, nothing comes to the empty folder beneath", () => {
  const unavailable = (count: number) => Array.from({ length: count }, () => "unavailable");
  expect(told.named).toEqual({
    ...{ fixed: unavailable(3), gone: unavailable(5) },
    ...{ beneath: [], text: "old" },
  });
});
