/** The demotions and removals of one node that count, and what they leave of what it says. See roster-state.ts. */
import { between, lastOf, missing } from "./roster-chain.ts";
import type { RosterEntry } from "./roster-entry.ts";
import type { RosterIndex } from "./roster-index.ts";

interface Left {
  readonly path: readonly RosterEntry[];
  /** Everything from there on was given out before. */
  from: number;
}

/** Paths that are remembered: honest nodes need one or two, and hostile ones must not cost much. */
const pathsMax = 16;

export class RosterCuts {
  readonly #subject: string;
  /** One list a rank, the best first: they come by rank. */
  readonly #byRank: { readonly rank: number; readonly entries: RosterEntry[]; isSorted: boolean }[] = [];
  readonly #left = new Map<RosterEntry | undefined, Left>();
  /** It spoke of itself. */
  hasOwn = false;

  constructor(subject: string) {
    this.#subject = subject;
  }

  add(entry: RosterEntry, rank: number): void {
    const last = this.#byRank.at(-1);
    if (last?.rank !== rank) this.#byRank.push({ rank, entries: [entry], isSorted: true });
    else {
      last.entries.push(entry);
      last.isSorted = false;
    }
    if (entry.issuer === this.#subject) this.hasOwn = true;
  }

  /** Of the best rank the shortest, without those that a promotion knows of; a removal cuts whoever knows of it. */
  strongest(known: ReadonlySet<RosterEntry>): RosterEntry | undefined {
    for (const group of this.#byRank) {
      if (!group.isSorted) group.entries.sort(byLength);
      group.isSorted = true;
      const cut = group.entries.find((entry) => entry.role === "removed" || !known.has(entry));
      if (cut !== undefined) return cut;
    }
    return undefined;
  }

  /** What a tenure from `start` has under the cut, without what was given out before: that counts already. */
  left(index: RosterIndex, start: RosterEntry | undefined, cut: RosterEntry): readonly RosterEntry[] {
    const last = lastOf(index, this.#subject, cut);
    if (last === missing) return [];
    const left = this.#leftOf(index, last);
    const from = start?.sequence ?? 0;
    if (start !== undefined && left.path[from - 1] !== start) return [];
    if (this.hasOwn) return left.path.slice(from);
    const rest = left.path.slice(from, left.from);
    left.from = Math.min(left.from, from);
    return rest;
  }

  #leftOf(index: RosterIndex, last: RosterEntry | undefined): Left {
    const before = this.#left.get(last);
    if (before !== undefined) return before;
    const path = between(index, undefined, last);
    const left = { path: path === missing ? [] : path, from: Number.POSITIVE_INFINITY };
    if (this.#left.size >= pathsMax) this.#left.clear();
    this.#left.set(last, left);
    return left;
  }
}

const byLength = (a: RosterEntry, b: RosterEntry): number =>
  endsAt(a) - endsAt(b) || (a.hash < b.hash ? -1 : 1);

const endsAt = ({ issuer, subject, sequence, lastValid = 0 }: RosterEntry): number =>
  issuer === subject ? sequence : lastValid;
