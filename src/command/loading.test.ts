import { expect, test } from "bun:test";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");
const transpiler = new Bun.Transpiler({ loader: "ts" });

/** Everything that is loaded before the first line of `entry` runs: its imports and theirs, without the lazy ones. */
async function loadedBy(
  entry: string,
): Promise<{ files: ReadonlySet<string>; packages: ReadonlySet<string> }> {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [join(root, entry)];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    if (!file.endsWith(".ts")) continue;
    for (const { kind, path } of transpiler.scanImports(await Bun.file(file).text())) {
      if (kind !== "import-statement") continue;
      if (path.startsWith(".")) waiting.push(resolve(dirname(file), path));
      else if (!path.startsWith("node:")) packages.add(path);
    }
  }
  return { files, packages };
}

test("the version and a refusal load no package at all", async () => {
  const { files, packages } = await loadedBy("src/main.ts");
  expect([...packages]).toEqual([]);
  expect([...files].filter((file) => file.includes("/modules/") || file.includes("/surface/"))).toEqual([]);
});

test("the help and a call to a node load the manifests and nothing heavy", async () => {
  const { files, packages } = await loadedBy("src/command/operation.ts");
  expect([...packages].sort()).toEqual(["@valibot/to-json-schema", "valibot"]);
  const modules = [...files].filter((file) => file.startsWith(join(root, "modules")));
  expect(modules.length).toBeGreaterThan(0);
  expect(modules.filter((file) => /store\.ts$|start\.ts$/.test(file))).toEqual([]);
});

test("a node loads neither hono nor drizzle nor msgpackr before it starts its modules", async () => {
  const { packages } = await loadedBy("src/command/up.ts");
  expect([...packages].filter((name) => /^(hono|drizzle-orm|msgpackr)/.test(name))).toEqual([]);
});
