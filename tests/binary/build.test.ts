import { expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileOf, thisMachine } from "../../build.ts";
import { version } from "../../package.json";
import { binary } from "./subject.ts";

const root = resolve(import.meta.dir, "../..");

/** Where a text first stands in the file, with what is around it; undefined when it is not in there. */
function around(bytes: Buffer, text: string): string | undefined {
  const at = bytes.indexOf(text);
  return at < 0 ? undefined : bytes.toString("latin1", Math.max(0, at - 80), at + text.length + 80);
}

test("the file says its version", async () => {
  const run = Bun.spawnSync([await binary(), "--version"], { cwd: tmpdir() });
  expect(run.stdout.toString()).toContain(version);
  expect(run.exitCode).toBe(0);
});

test("no path of the building machine is inside", async () => {
  const file = await binary();
  const bytes = Buffer.from(await Bun.file(file).bytes());
  expect(around(bytes, "$bunfs")).toBeDefined();
  for (const path of [root, join(root, "node_modules"), dirname(file), dirname(process.execPath)]) {
    expect(around(bytes, `${path}/`)).toBeUndefined();
  }
  // A home folder can be as short as "/root", which is in every program.
  expect(around(bytes, `${homedir()}/.bun/install`)).toBeUndefined();
});

test("building again from a copy in another folder gives the same bytes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "build-"));
  try {
    const hashes: string[] = [];
    // Neither is a repository of its own, so neither carries a commit.
    for (const name of ["one", "another"]) {
      const copy = join(folder, name);
      await mkdir(copy);
      for (const part of ["build.ts", "package.json", "tsconfig.json", "src", "modules"]) {
        await cp(join(root, part), join(copy, part), { recursive: true });
      }
      await symlink(join(root, "node_modules"), join(copy, "node_modules"));
      await Bun.$`${process.execPath} build.ts`.cwd(copy).quiet();
      const bytes = await Bun.file(join(copy, "dist", fileOf(await thisMachine()))).bytes();
      hashes.push(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
    }
    expect(hashes[1]).toBe(hashes[0] ?? "");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
