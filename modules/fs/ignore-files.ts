/**
 * What .gitignore and .ignore files leave out, as git and ripgrep read them: each counts from its own directory on, a
 * deeper one wins, and .ignore wins over .gitignore. `.git` itself is left out.
 */
import ignore, { type Ignore } from "ignore";
import { joined } from "./file-path.ts";
import type { Place } from "./tree.ts";

/** Read from each directory, the later ones having the last word. */
export const ignoreFileNames: readonly string[] = [".gitignore", ".ignore"];
/** Of one such file; a longer one is left out of account. */
export const ignoreFileBytesMax = 1024 * 1024;

interface Layer {
  /** With a slash at its end; "" for where the walk began. */
  readonly below: string;
  readonly rules: Ignore;
}

/** The rules that count in one directory. */
export class IgnoreRules {
  readonly #layers: readonly Layer[];
  readonly #deepestFirst: readonly Layer[];

  constructor(layers: readonly Layer[] = []) {
    this.#layers = layers;
    this.#deepestFirst = layers.toReversed();
  }

  /** @param relative of an entry, below where the walk began */
  ignores(relative: string, isDirectory: boolean): boolean {
    if (relative === ".git" || relative.endsWith("/.git")) return true;
    for (const { below, rules } of this.#deepestFirst) {
      const { ignored, unignored } = rules.test(relative.slice(below.length) + (isDirectory ? "/" : ""));
      if (ignored) return true;
      if (unignored) return false;
    }
    return false;
  }

  /** With the files of one directory more. @param relative of it; "" for where the walk began */
  async within(
    place: Place,
    path: string,
    relative: string,
    found: ReadonlySet<string>,
    signal: AbortSignal,
  ) {
    const texts: string[] = [];
    for (const name of ignoreFileNames.filter((one) => found.has(one)))
      texts.push((await textAt({ ...place, path: joined(path, name) }, signal)) ?? "");
    return this.with(relative, texts);
  }

  /** The same, of files that were read already. @param texts in the order of `ignoreFileNames` */
  with(relative: string, texts: readonly string[]): IgnoreRules {
    const below = relative === "" ? "" : `${relative}/`;
    const layers = texts
      .filter((text) => text !== "")
      .map((text) => ({ below, rules: ignore({ allowRelativePaths: true }).add(text) }));
    return layers.length === 0 ? this : new IgnoreRules([...this.#layers, ...layers]);
  }
}

/** Undefined for what cannot be read: then it leaves nothing out. */
async function textAt({ backend, access, path }: Place, signal: AbortSignal): Promise<string | undefined> {
  try {
    await using file = await backend.open(access, path);
    if (file.entry.sizeBytes > ignoreFileBytesMax) return undefined;
    return Buffer.concat(await Array.fromAsync(file.read(signal))).toString("utf8");
  } catch {
    return undefined;
  }
}
