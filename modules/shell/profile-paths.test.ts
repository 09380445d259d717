import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { assertPaths, noPaths, type ProfilePaths, sharesOf } from "./profile-paths.ts";

let folder = "";
beforeAll(() => {
  folder = realpathSync(mkdtempSync("/var/tmp/operone-paths-"));
  for (const name of ["home", "data", "held/data", "work/a/b"])
    mkdirSync(join(folder, name), { recursive: true });
  symlinkSync(join(folder, "work"), join(folder, "link"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const checked = (paths: Partial<ProfilePaths>, data = "data") =>
  assertPaths(
    "mine",
    { ...noPaths, ...paths },
    { home: join(folder, "home"), dataDirectory: join(folder, data) },
  );

test("paths that would not hold what they say are refused, each with its reason", async () => {
  const work = join(folder, "work");
  for (const [paths, why] of [
    [{ write: [join(folder, "link")] }, "by a link"],
    [{ read: [join(folder, "link/a")] }, "by a link"],
    [{ hide: [join(folder, "link/a")] }, "by a link"],
    [{ write: ["/usr/lib"] }, "belongs to the system"],
    [{ read: ["/etc/ssh"] }, "every profile reads it"],
    [{ read: ["/proc/sys"] }, "the machine itself"],
    [{ write: ["/dev/shm"] }, "the machine itself"],
    [{ read: [join(folder, "home")] }, "a home directory"],
    [{ write: [folder] }, "a home directory"],
    [{ read: [join(folder, "data")] }, "data directory"],
    [{ write: [join(folder, "data/shell")] }, "data directory"],
    [{ write: [work], read: [work] }, "to be written too"],
    [{ write: [work], hide: [join(work, "a/b")] }, "moved away"],
    [{ write: [work], read: [join(work, "a/b")] }, "moved away"],
  ] as const) {
    await expect(checked(paths)).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringContaining(why),
    });
  }
  await expect(checked({ write: [join(folder, "held")] }, "held/data")).rejects.toThrow(
    "holds the data directory",
  );
});

test("folders of people, what is directly in them, and what is not there yet are taken", async () => {
  const work = join(folder, "work");
  await checked({
    write: [work, join(folder, "home/.cache")],
    read: [join(folder, "held"), join(work, "a")],
  });
  await checked({ write: [work], hide: [join(work, "a"), join(folder, "not-there")] });
});

test("a folder comes before what lies in it", () => {
  const shares = sharesOf({ read: ["/srv/a/b", "/srv"], write: ["/srv/a"], hide: [] });
  expect(shares.map(({ path }) => path)).toEqual(["/srv", "/srv/a", "/srv/a/b"]);
});
