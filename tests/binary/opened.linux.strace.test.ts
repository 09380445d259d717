import { afterAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { cleanUp, folder, startNode } from "./node.ts";
import { binary } from "./subject.ts";

afterAll(cleanUp);

const root = resolve(import.meta.dir, "../..");

test("a running node opens nothing of the building machine, nor of the folder it was started in", async () => {
  const cwd = folder("cwd");
  for (const name of ["bunfig.toml", ".env", "package.json", "tsconfig.json"])
    writeFileSync(join(cwd, name), "");
  mkdirSync(join(cwd, "node_modules"));
  const trace = join(folder(), "trace");
  const runner = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=%file", "-o", trace];
  const node = await startNode({ cwd, runner });
  expect((await node.run(["status"])).code).toBe(0);
  // By its path: looking it up would try the folders of this test's own PATH.
  expect(
    (await node.run(["shell", "run", "--profile", "unconfined", "--", "/bin/true"], { cwd: folder() })).code,
  ).toBe(0);
  expect((await node.run(["down"])).code).toBe(0);
  await node.exited;
  const program = await binary();
  const touched = (await Bun.file(trace).text())
    .split("\n")
    .flatMap((line) => [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? ""))
    .filter((path) => path !== program && path !== cwd);
  expect(touched.some((path) => path.startsWith(node.directory))).toBe(true);
  const foreign = touched.filter(
    (path) =>
      path.startsWith(`${root}/`) ||
      path.startsWith(`${cwd}/`) ||
      path.startsWith(`${dirname(process.execPath)}/`),
  );
  expect(foreign.filter((path) => !path.startsWith(dirname(program)))).toEqual([]);
}, 60_000);
