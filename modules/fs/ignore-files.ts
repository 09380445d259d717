/**
 * What .gitignore and .ignore files leave out, as git and ripgrep read them: each counts from its own directory on, a
 * deeper one wins, and .ignore wins over .gitignore. `.git` itself is left out.
 */
import ignore, { type Ignore } from "ignore";
import { joined } from "./file-path.ts";
import type { Place } from "./tree.ts";

const names = [".gitignore", ".ignore"] as const;
/** Of one such file; a longer one is left out of account. */
const bytesMax = 1024 * 1024;

interface Layer {
  /** With a slash at its end; "" for where the walk began. */
  readonly below: string;
  readonly rules: Ignore;
}

/** The rules that count in one directory. */
export class IgnoreRules {
  readonly #layers: readonly Layer[];

  constructor(layers: readonly Layer[] = []) {
    this.#layers = layers;
  }

  /** @param relative of an entry, below where the walk began */
  ignores(relative: string, isDirectory: boolean): boolean {
    if (/(^|\/)\.git$/.test(relative)) return true;
    for (const { below, rules } of this.#layers.toReversed()) {
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
    const layers: Layer[] = [];
    for (const name of names.filter((one) => found.has(one))) {
      const text = await textAt({ ...place, path: joined(path, name) }, signal);
      if (text !== undefined)
        layers.push({ below: relative === "" ? "" : `${relative}/`, rules: ignore().add(text) });
    }
    return layers.length === 0 ? this : new IgnoreRules([...this.#layers, ...layers]);
  }
}

/** Undefined for what cannot be read: then it leaves nothing out. */
async function textAt({ backend, access, path }: Place, signal: AbortSignal): Promise<string | undefined> {
  try {
    await using file = await backend.open(access, path);
    if (file.entry.sizeBytes > bytesMax) return undefined;
    return Buffer.concat(await Array.fromAsync(file.read(signal))).toString("utf8");
  } catch {
    return undefined;
  }
}
