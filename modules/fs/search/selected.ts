/** Which names below a directory are meant: by patterns, dots and ignore files. Paths are below where the search begins. */
import type { IgnoreRules } from "../ignore-files.ts";
import type { Selection } from "./query.ts";

interface Pattern {
  readonly leavesOut: boolean;
  matches(path: string): boolean;
}

export class Selected {
  readonly #selection: Selection;
  readonly #patterns: readonly Pattern[];
  readonly #hasWanted: boolean;

  constructor(selection: Selection) {
    this.#selection = selection;
    this.#patterns = selection.glob.map(patternOf);
    this.#hasWanted = this.#patterns.some(({ leavesOut }) => !leavesOut);
  }

  file(rules: IgnoreRules, path: string, name: string): boolean {
    if (this.#isLeftOut(rules, path, name, false)) return false;
    return this.#patterns.length === 0 || (this.#word(path) ?? !this.#hasWanted);
  }

  directory(rules: IgnoreRules, path: string, name: string): boolean {
    if (this.#isLeftOut(rules, path, name, true)) return false;
    // No word of the patterns: what is wanted may lie in it all the same.
    return this.#word(path) ?? true;
  }

  #isLeftOut(rules: IgnoreRules, path: string, name: string, isDirectory: boolean): boolean {
    if (!this.#selection.hidden && name.startsWith(".")) return true;
    return this.#selection.ignoreFiles && rules.ignores(path, isDirectory);
  }

  #word(path: string): boolean | undefined {
    const last = this.#patterns.findLast((one) => one.matches(path));
    return last === undefined ? undefined : !last.leavesOut;
  }
}

/** Without a slash, a pattern is of names anywhere. */
function patternOf(text: string): Pattern {
  const leavesOut = text.startsWith("!");
  const path = (leavesOut ? text.slice(1) : text).replace(/^\.?\//, "/").replace(/\/$/, "");
  const isRooted = path.startsWith("/");
  const inner = isRooted ? path.slice(1) : path;
  const glob = new Bun.Glob(isRooted || inner.includes("/") ? inner : `**/${inner}`);
  return { leavesOut, matches: (one) => glob.match(one) };
}
