/**
 * The node's own files by what they are, and not by what they are called: a second name, or the same directory mounted
 * at another place, is still them.
 */
import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

type Identity = Pick<BigIntStats, "dev" | "ino">;

/** Directories in one that are looked through. The node itself makes a few. */
const directoriesMax = 256;

export class OwnFiles {
  readonly #directory: string;
  readonly #closed: readonly string[];
  #all = new Set<string>();
  /** Of each directory that was looked through: when something was made or removed in it. */
  #seen = new Map<string, bigint>();

  /**
   * @param directory a real path of the machine
   * @param closed directories in it whose content is not the node's own, and is protected by its path alone
   */
  constructor(directory: string, closed: readonly string[] = []) {
    this.#directory = directory;
    this.#closed = closed;
  }

  /** The directory itself, or a file or directory in it. */
  holds(facts: Identity): boolean {
    this.#refresh();
    return this.#all.has(keyOf(facts));
  }

  /** Device and inode of all of them, joined by ":". */
  keys(): readonly string[] {
    this.#refresh();
    return [...this.#all];
  }

  /** For many that are looked at together. */
  now(): (facts: Identity) => boolean {
    this.#refresh();
    const all = this.#all;
    return (facts) => all.has(keyOf(facts));
  }

  /** A directory that it lies in: with that one it would be moved too. */
  isBelow(facts: Identity): boolean {
    const wanted = keyOf(facts);
    for (let at = this.#directory; ; at = dirname(at)) {
      const here = factsOf(at);
      if (here !== undefined && keyOf(here) === wanted) return true;
      if (at === dirname(at)) return false;
    }
  }

  /** A few system calls on the node's own disk, and more only when something was made there. */
  #refresh(): void {
    for (const [path, changed] of this.#seen) if (factsOf(path)?.ctimeNs !== changed) this.#seen.clear();
    if (this.#seen.size > 0) return;
    this.#all = new Set();
    const open = [this.#directory];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      const facts = factsOf(path);
      if (facts === undefined) continue;
      this.#all.add(keyOf(facts));
      if (!facts.isDirectory() || this.#closed.includes(path) || this.#seen.size >= directoriesMax) continue;
      this.#seen.set(path, facts.ctimeNs);
      open.push(...namesIn(path).map((name) => join(path, name)));
    }
  }
}

function keyOf({ dev, ino }: Identity): string {
  return `${dev}:${ino}`;
}

function factsOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
