import type { Finding, Rule, Source, Tree } from "./source.ts";
import { isTest } from "./source.ts";

interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** The files of other layers that it may import. Its own files are always allowed. */
  readonly imports: readonly RegExp[];
}

const kernel = /^src\/kernel\//;
const surface = /^src\/surface\//;
const platform = /^src\/platform\//;
const command = /^src\/command\//;
const modulesList = /^src\/modules\.ts$/;
const childrenList = /^src\/children\.ts$/;
const childPart = /^modules\/.+\.child\.ts$/;
const manifest = /^modules\/[^/]+\/module\.ts$/;
const contract = /^modules\/[^/]+\/contract\.ts$/;
const packageJson = /^package\.json$/;

/** Imports go one way, from the first to the last. */
const layers: readonly Layer[] = [
  {
    name: "main",
    files: /^src\/main\.ts$/,
    imports: [command, surface, platform, modulesList, kernel, packageJson],
  },
  {
    name: "command",
    files: command,
    imports: [surface, platform, modulesList, childrenList, kernel, packageJson],
  },
  { name: "the list of modules", files: modulesList, imports: [manifest, kernel] },
  { name: "the list of children", files: childrenList, imports: [childPart, kernel] },
  { name: "surface", files: surface, imports: [kernel] },
  { name: "platform", files: platform, imports: [kernel] },
  { name: "a module", files: /^modules\//, imports: [kernel, contract] },
  { name: "kernel", files: kernel, imports: [] },
];

/** What some modules may import beyond that, and why it is theirs. */
const openings: readonly { readonly files: RegExp; readonly imports: RegExp }[] = [
  // They carry a surface to the outside.
  { files: /^modules\/(http|networking|mcp)\//, imports: surface },
  // Storage: one SQLite file a module, opened by the platform.
  { files: /^modules\/[^/]+\/(([a-z-]+-)?store|migrations)\.ts$/, imports: /^src\/platform\/sqlite\.ts$/ },
  // How a worker is found, in the compiled program and outside of it.
  // What the system tells of directories.
  { files: /^modules\/fs\/watch\/hints\.ts$/, imports: /^src\/platform\/inotify\.ts$/ },
  { files: /^modules\/fs\/search\/search-worker\.ts$/, imports: /^src\/platform\/self\.ts$/ },
  { files: /^modules\/fs\/search\/disk\.ts$/, imports: /^src\/platform\/open-at\.ts$/ },
  // The only module that starts processes.
  { files: /^modules\/shell\//, imports: platform },
];

const moduleOf = (path: string): string | undefined => /^modules\/([^/]+)\//.exec(path)?.[1];

function mayImport(path: string, file: string): boolean {
  const layer = layers.find((one) => one.files.test(path));
  if (layer === undefined || file.startsWith("../")) return layer === undefined;
  const mine = moduleOf(path);
  if (mine !== undefined ? moduleOf(file) === mine : layer.files.test(file)) return true;
  if (openings.some((opening) => opening.files.test(path) && opening.imports.test(file))) return true;
  return layer.imports.some((allowed) => allowed.test(file));
}

/** What is in the binary. Scripts and tests may measure and try anything. */
const production = (tree: Tree): Source[] =>
  tree.sources.filter(({ path }) => /^(src|modules)\//.test(path) && !isTest(path));

const direction: Rule = {
  name: "imports go one way",
  instead:
    "The order is main, command, surface or platform or modules.ts, modules/*/module.ts, kernel; one module imports only another's contract.ts. Ask for a service (requires) or a port instead.",
  check: (tree) =>
    production(tree).flatMap(({ path, imports }) =>
      imports
        .filter(({ file }) => file !== undefined && !mayImport(path, file))
        .map(({ from, line }) => ({ path, line, found: `imports "${from}"` })),
    ),
  breaks: {
    "src/kernel/a.ts": 'import { b } from "../surface/b.ts";',
    "src/surface/a.ts": 'import { b } from "../platform/b.ts";',
    "src/platform/a.ts": 'export * from "../command/b.ts";',
    "modules/x/a.ts": 'import type { B } from "../y/b.ts";',
    "modules/x/lazy.ts": 'export const b = () => import("../../src/surface/b.ts");',
    "modules/x/other.ts": 'import { open } from "../../src/platform/sqlite.ts";',
    "src/modules.ts": 'import { b } from "../modules/x/b.ts";',
    "src/main.ts": 'import { b } from "../modules/x/module.ts";',
  },
  keeps: {
    "modules/y/a.ts": 'import { b } from "./b.ts"; import type { C } from "../x/contract.ts";',
    "modules/y/store.ts": 'import { open } from "../../src/platform/sqlite.ts";',
    "modules/http/start.ts": 'import { app } from "../../src/surface/http.ts";',
    "src/command/up.ts": 'import { modules } from "../modules.ts";',
    "src/kernel/a.test.ts": 'import { b } from "../surface/b.ts";',
  },
};

interface Room {
  readonly what: RegExp;
  readonly files: RegExp;
  readonly instead: string;
}

const anywhere = /./;
const storeFiles = /^modules\/[^/]+\/([a-z-]+-)?store\.ts$|^src\/platform\/sqlite\.ts$/;

/** Each outside library, and each way to the outside, has one room. The first line that matches counts. */
const rooms: readonly Room[] = [
  { what: /^valibot$/, files: anywhere, instead: "" },
  { what: /^@valibot\/to-json-schema$/, files: /^src\/surface\//, instead: "Use src/surface/schema.ts." },
  { what: /^hono(\/|$)/, files: /^src\/surface\/http|^modules\/http\//, instead: "Use an operation." },
  { what: /^msgpackr(\/|$)/, files: /^src\/surface\/mesh\.ts$/, instead: "Use src/surface/mesh.ts." },
  { what: /^drizzle-orm(\/|$)/, files: storeFiles, instead: "Put the query into store.ts." },
  { what: /^bun:sqlite$/, files: /store\.ts$|^src\/platform\//, instead: "Use src/platform/sqlite.ts." },
  {
    what: /^diff$/,
    files: /^modules\/(shell\/text-diff|fs\/editing)\.ts$|^src\/command\/mcp-difference\.ts$/,
    instead: "Use modules/shell/text-diff.ts, modules/fs/editing.ts, or src/command/mcp-difference.ts.",
  },
  {
    what: /^rregex\//,
    files: /^modules\/fs\/search\/regex-engine\.ts$/,
    instead: "Use modules/fs/search/regex-engine.ts.",
  },
  {
    what: /^(unpdf|papaparse|htmlparser2|tinyld\/light)$/,
    files: /^(modules\/fs\/parse\/|scripts\/bench\/documents\.ts$)/,
    instead: "Use fs.parse.",
  },
  { what: /^modern-tar$/, files: /^src\/platform\//, instead: "Use the Backups port." },
  { what: /^jsonc-parser$/, files: /^src\/platform\//, instead: "Use src/platform/jsonc.ts." },
  { what: /^smol-toml$/, files: /^src\/platform\//, instead: "Use src/platform/toml.ts." },
  {
    what: /^(libp2p$|@libp2p\/|@chainsafe\/|@multiformats\/|multiformats(\/|$)|reflect-metadata$)/,
    files: /^modules\/networking\//,
    instead: "Use the services of networking.",
  },
  {
    what: /^(@scure\/bip39(\/|$)|uqr$|dns-packet$)/,
    files: /^modules\/networking\//,
    instead: "Use the services of networking.",
  },
  {
    what: /^ipaddr\.js$/,
    files: /^modules\/shell\/address-rule\.ts$/,
    instead: "Use modules/shell/address-rule.ts.",
  },
  {
    what: /^ignore$/,
    files: /^modules\/fs\/ignore-files\.ts$/,
    instead: "Use modules/fs/ignore-files.ts.",
  },
  { what: /^unbash$/, files: /^modules\/shell\/script/, instead: "Use modules/shell/script.ts." },
  {
    what: /^@modelcontextprotocol\//,
    files: /^src\/surface\/mcp|^modules\/mcp\//,
    instead: "Use src/surface/mcp.ts.",
  },
  {
    what: /^(node:)?(fs|fs\/promises)$/,
    files: /^src\/platform\/|^modules\/fs\//,
    instead: "Use the Files port, or a file of src/platform.",
  },
  {
    what: /^(node:)?(child_process|cluster)$|^bun:ffi$/,
    files: /^src\/platform\//,
    instead: "Use the Processes port.",
  },
  {
    what: /^(bun:|bun$)/,
    files: /^modules\/|^src\/(platform|command)\//,
    instead: "Use web or node: APIs.",
  },
  { what: /^node:/, files: anywhere, instead: "" },
];

function roomFinding({ path, imports }: Source): Finding[] {
  return imports.flatMap(({ from, file, line }) => {
    if (file !== undefined) return [];
    const room = rooms.find(({ what }) => what.test(from));
    if (room?.files.test(path)) return [];
    const hint =
      room === undefined ? "It has no room yet: give it one in tests/tidy/imports.ts." : room.instead;
    return [{ path, line, found: `imports "${from}". ${hint}` }];
  });
}

const roomed: Rule = {
  name: "each outside library has one room",
  instead: "The rooms are in tests/tidy/imports.ts.",
  check: (tree) => production(tree).flatMap(roomFinding),
  breaks: {
    "src/kernel/a.ts": 'import { Hono } from "hono";',
    "src/surface/a.ts": 'import { app } from "hono/tiny";',
    "modules/x/a.ts": 'import { eq } from "drizzle-orm";',
    "modules/x/b.ts": 'import { pack } from "msgpackr";',
    "modules/x/c.ts": 'export const fs = await import("node:fs/promises");',
    "modules/x/d.ts": 'import { spawn } from "node:child_process";',
    "modules/x/e.ts": 'import isOdd from "is-odd";',
    "src/surface/b.ts": 'import { $ } from "bun";',
    "src/command/a.ts": 'import { readFile } from "fs";',
  },
  keeps: {
    "src/surface/http-app.ts": 'import { Hono } from "hono"; import * as v from "valibot";',
    "modules/x/token-store.ts": 'import { eq } from "drizzle-orm"; import { Database } from "bun:sqlite";',
    "modules/x/a.test.ts": 'import { mkdtempSync } from "node:fs";',
    "src/platform/spawn.ts": 'import { spawn } from "node:child_process"; import { dlopen } from "bun:ffi";',
  },
};

const front = /^modules\/[^/]+\/(module|operations|contract)\.ts$/;

/** What a front file loads at once, with the way there. */
function* loadedBy(
  tree: Tree,
  start: Source,
): Generator<{ way: string[]; from: string; line: number; at: Source }> {
  const byPath = new Map(tree.sources.map((source) => [source.path, source]));
  const seen = new Set([start.path]);
  const queue: { source: Source; way: string[] }[] = [{ source: start, way: [] }];
  for (const { source, way } of queue) {
    for (const { from, file, typeOnly, lazy, line } of source.imports) {
      if (typeOnly || lazy) continue;
      yield { way, from: file ?? from, line: way.length === 0 ? line : 1, at: start };
      const next = file === undefined ? undefined : byPath.get(file);
      // The kernel is light by its own rule.
      if (next === undefined || seen.has(next.path) || kernel.test(next.path)) continue;
      seen.add(next.path);
      queue.push({ source: next, way: [...way, next.path] });
    }
  }
}

function isLight(from: string, depth: number): boolean {
  if (from === "valibot" || kernel.test(from) || /^modules\//.test(from)) return true;
  // A built-in module costs nothing, but in a front file it is a sign of logic.
  return depth > 0 && /^node:/.test(from);
}

const light: Rule = {
  name: "module.ts, operations.ts and contract.ts load nothing heavy",
  instead: "Import it inside start() or run() with `await import(...)`, or take only its types.",
  check: (tree) =>
    production(tree)
      .filter(({ path }) => front.test(path))
      .flatMap((start) =>
        [...loadedBy(tree, start)]
          .filter(({ from, way }) => !isLight(from, way.length))
          .map(({ from, way, line }) => ({
            path: start.path,
            line,
            found: `loads "${from}"${way.length === 0 ? "" : ` through ${way.join(" and ")}`}`,
          })),
      ),
  breaks: {
    "modules/x/module.ts": 'import { serve } from "./serve.ts";',
    "modules/x/serve.ts": 'import { Hono } from "hono";',
    "modules/x/operations.ts": 'import { createHash } from "node:crypto";',
    "modules/x/contract.ts": 'import { drizzle } from "drizzle-orm";',
  },
  foundIn: ["modules/x/module.ts", "modules/x/operations.ts", "modules/x/contract.ts"],
  keeps: {
    "modules/y/module.ts":
      'import * as v from "valibot"; import { defineModule } from "../../src/kernel/module.ts"; import type { Hono } from "hono"; export const start = () => import("./serve.ts");',
    "modules/y/serve.ts": 'import { Hono } from "hono";',
    "modules/y/operations.ts": 'import { Limits } from "./limits.ts";',
    "modules/y/limits.ts": 'import { createHash } from "node:crypto";',
  },
};

export const importRules: readonly Rule[] = [direction, roomed, light];
