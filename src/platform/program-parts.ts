/** What of the machine this program needs to run as a child of itself, for a sandbox that holds nothing else. */
import { lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isCompiled } from "./self.ts";

export interface ProgramParts {
  /** The words before those of the child. */
  readonly words: readonly string[];
  /** Files, and the folder of the sources when it is not compiled. */
  readonly paths: readonly string[];
}

const headerBytes = 4_096;
const mapsBytesMax = 4 * 1024 * 1024;

/** The program itself, its libraries and what loads them. On other systems than Linux there are no paths. */
export async function programParts(): Promise<ProgramParts> {
  const sources = resolve(import.meta.dir, "../..");
  const compiled = isCompiled();
  const words = compiled ? [process.execPath] : [process.execPath, join(sources, "src/main.ts")];
  if (process.platform !== "linux") return { words, paths: [] };
  const libraries = mappedLibraries().flatMap(withNames);
  const paths = [process.execPath, ...(await interpreter()), ...libraries];
  return { words, paths: [...new Set(compiled ? paths : [...paths, sources])] };
}

/** proc_pid_maps(5): what this process has loaded is what the same program will load. */
function mappedLibraries(): readonly string[] {
  const lines = readFileSync("/proc/self/maps", "latin1").slice(0, mapsBytesMax).split("\n");
  const paths = lines.map((line) => /^\S+ ..x. \S+ \S+ \d+ +(\/.*\.so(?:\.[\d.]+)?)$/.exec(line)?.[1]);
  return [...new Set(paths.filter((path) => path !== undefined))];
}

/** A library is looked for by a name that may be a link to it, beside it. */
function withNames(library: string): readonly string[] {
  const folder = dirname(library);
  try {
    const links = readdirSync(folder)
      .filter((name) => name.includes(".so"))
      .map((name) => join(folder, name))
      .filter((path) => lstatSync(path).isSymbolicLink() && realOf(path) === library);
    return [library, ...links];
  } catch {
    return [library];
  }
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** By the path that the ELF header of the program says. */
async function interpreter(): Promise<readonly string[]> {
  await using file = await open(process.execPath);
  const { buffer } = await file.read({ buffer: Buffer.alloc(headerBytes) });
  return /\/[\w./-]*\/ld-[\w.-]*\.so(\.\d+)?/.exec(buffer.toString("latin1"))?.slice(0, 1) ?? [];
}
