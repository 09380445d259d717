import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
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
    const copy = join(folder, "elsewhere");
    await Bun.$`mkdir -p ${copy}`.quiet();
    await Bun.$`cp -r build.ts package.json tsconfig.json src modules ${copy}`.cwd(root).quiet();
    await Bun.$`ln -s ${join(root, "node_modules")} ${join(copy, "node_modules")}`.quiet();
    const hash = async (cwd: string, out: string) => {
      await Bun.$`${process.execPath} build.ts --out ${join(folder, out)}`.cwd(cwd).quiet();
      return Bun.hash(await Bun.file(join(folder, out, "operone")).bytes());
    };
    // Neither is a repository of its own, so neither carries a commit.
    const twin = join(folder, "twin");
    await Bun.$`cp -a ${copy} ${twin}`.quiet();
    expect(await hash(copy, "one")).toBe(await hash(twin, "two"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
