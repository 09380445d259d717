import { join, posix } from "node:path";
import { type Comment, type Program, parseSync } from "oxc-parser";

export interface Import {
  /** As it is written: `./a.ts`, `valibot`, `node:fs`. */
  readonly from: string;
  /** The file in this repository that it names; undefined for packages and built-in modules. */
  readonly file: string | undefined;
  readonly line: number;
  /** `import type`, which is gone at run time. */
  readonly typeOnly: boolean;
  /** `await import(...)`, which loads when it runs. */
  readonly lazy: boolean;
}

export interface Source {
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
  readonly lineAt: (offset: number) => number;
}

/** What the rules look at: the parsed sources, and the other files as text. */
export interface Tree {
  readonly sources: readonly Source[];
  /** Every path, parsed or not. */
  readonly paths: readonly string[];
  readonly text: (path: string) => string;
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  /** What was found, with the name or number that is wrong. */
  readonly found: string;
}

export interface Rule {
  /** A sentence: what holds. */
  readonly name: string;
  /** What to do instead. */
  readonly instead: string;
  readonly check: (tree: Tree) => Finding[];
  /** Files that break the rule, so that the rule is seen to work. */
  readonly breaks: Readonly<Record<string, string>>;
  /** Where the breaks are found, when that is not in each of them. */
  readonly foundIn?: readonly string[];
  /** Files that come close and are right. */
  readonly keeps?: Readonly<Record<string, string>>;
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

function parse(path: string, text: string): Source {
  const { program, module, comments, errors } = parseSync(path, text);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path} cannot be parsed: ${error.message}`);
  const lineAt = lineCounter(text);
  const imports: Import[] = [];
  const add = (from: string, at: number, typeOnly: boolean, lazy: boolean): void => {
    const local = from.startsWith(".") ? posix.join(posix.dirname(path), from) : undefined;
    // A file of a package that its `exports` do not name is still the package's.
    const packaged =
      local?.startsWith("node_modules/") === true ? local.slice("node_modules/".length) : undefined;
    imports.push({
      from: packaged ?? from,
      file: packaged === undefined ? local : undefined,
      line: lineAt(at),
      typeOnly,
      lazy,
    });
  };
  for (const { moduleRequest, entries, start } of module.staticImports) {
    const typeOnly = entries.length > 0 && entries.every(({ isType }) => isType);
    add(moduleRequest.value, start, typeOnly, false);
  }
  for (const { entries } of module.staticExports) {
    const [entry] = entries;
    if (!entry?.moduleRequest) continue;
    add(
      entry.moduleRequest.value,
      entry.start,
      entries.every(({ isType }) => isType),
      false,
    );
  }
  for (const { moduleRequest, start } of module.dynamicImports) {
    const literal = /^["'`]([^"'`$]+)["'`]$/.exec(text.slice(moduleRequest.start, moduleRequest.end));
    if (literal?.[1] !== undefined) add(literal[1], start, false, true);
  }
  return { path, text, program, comments, imports, lineAt };
}

const parsed = /\.(ts|mts|cts|tsx)$/;

export function treeOf(files: Readonly<Record<string, string>>): Tree {
  const paths = Object.keys(files).sort();
  return {
    paths,
    sources: paths.filter((path) => parsed.test(path)).map((path) => parse(path, files[path] ?? "")),
    text: (path) => files[path] ?? "",
  };
}

const ignored = /(^|\/)(node_modules|dist|coverage|\.toolchain|\.git)(\/|$)/;
const readable = /\.(ts|mts|cts|tsx|js|mjs|cjs|jsx|json|jsonc|toml|lock|yml|yaml|md|sql)$/;

/** The files of the working tree, committed or not. */
export async function readTree(root: string): Promise<Tree> {
  const files: Record<string, string> = {};
  for await (const path of new Bun.Glob("**/*").scan({ cwd: root, dot: true })) {
    if (ignored.test(path)) continue;
    files[path] = readable.test(path) ? await Bun.file(join(root, path)).text() : "";
  }
  return treeOf(files);
}

export const isTest = (path: string): boolean => path.startsWith("tests/") || /\.test\.ts$/.test(path);
