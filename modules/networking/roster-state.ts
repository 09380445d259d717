/**
 * What a set of roster entries says. A function of the set: the order in which entries came does not exist here, and
 * there is no time. One idea decides every quarrel: whoever is nearer to the mesh key is believed.
 *
 * 1. The mesh key's entries all count, in order or not: two who used the recovery phrase apart are both heard.
 * 2. An entry that counts and names somebody admin gives a *tenure*, from its `lastValid` on (the subject's entries
 *    behind that one). Tenures have a total *rank*: nearer to the mesh key first; of those that the mesh key gave the
 *    latest first, so that the recovery phrase outranks all that was before; of others the one whose giver ranks
 *    first, and of one giver the earlier.
 * 3. A statement below admin about somebody (a demotion, a removal) counts only when its subject holds no standing
 *    tenure of a better rank. One that counts *cuts* every tenure of a worse rank behind its `lastValid`, which names
 *    that entry by its hash. A promotion that knows of a demotion (supersedes it, directly or not) is not cut by it;
 *    a removal cuts always. Of several cuts the one of the best rank says what is left, of one issuer the shortest.
 *    Whoever speaks of itself is cut behind that very entry.
 * 4. An admin's entry counts when a tenure reaches it: behind its beginning, linked without a gap, and before its
 *    cut. A fork stops a tenure that is not cut behind it; where a cut names a hash, its branch is the one followed.
 * 5. Of the statements that count, those that no other supersedes are the heads; the least role among them holds. A
 *    removal that counts holds for ever.
 *
 * So nobody can say anything against whoever ranks before it, neither in time nor afterwards with a made-up past, and
 * what is settled among the first ranks does not depend on what the others say. A removal stops counting only by a
 * word of a better rank that did not know of it: its issuer was cut before it, or its subject was made an admin who
 * ranks before the issuer.
 */
import { type RoleName, roleNames } from "../access/contract.ts";
import { fork, lastOf, missing, walk } from "./roster-chain.ts";
import { RosterCuts } from "./roster-cuts.ts";
import type { RosterEntry } from "./roster-entry.ts";
import type { RosterIndex } from "./roster-index.ts";
import { rosterLimits } from "./roster-limits.ts";

/** What an admin may go on from. */
export interface Standing {
  /** Of its tenure; 0 is the mesh key. */
  readonly rank: number;
  /** The last entry that it reaches; undefined: none yet. */
  readonly tip: RosterEntry | undefined;
  readonly isForked: boolean;
}

export interface RosterState {
  /** Of the members; a removed peer is none. */
  readonly roles: ReadonlyMap<string, RoleName>;
  readonly removed: ReadonlySet<string>;
  /** For each subject with a role: the statements that hold. */
  readonly heads: ReadonlyMap<string, readonly RosterEntry[]>;
  /** Tenures that nothing ended, of each admin the best. */
  readonly standing: ReadonlyMap<string, Standing>;
  readonly counted: ReadonlySet<RosterEntry>;
  /** Of each issuer: its last entry that counts. */
  readonly lastCounted: ReadonlyMap<string, RosterEntry>;
}

/** A better rank came this way. */
const walked = Symbol("walked");
type Step = RosterEntry | typeof fork | typeof walked;

export function stateOf(mesh: string, index: RosterIndex): RosterState {
  return new Reckoning(mesh, index).state();
}

class Reckoning {
  readonly #mesh: string;
  readonly #index: RosterIndex;
  readonly #removed = new Set<string>();
  readonly #counted = new Set<RosterEntry>();
  readonly #lastCounted = new Map<string, RosterEntry>();
  readonly #standing = new Map<string, Standing>();
  readonly #cuts = new Map<string, RosterCuts>();
  /** Reached by a tenure that nobody cut. */
  readonly #walked = new Set<RosterEntry>();
  #promotions: RosterEntry[] = [];

  constructor(mesh: string, index: RosterIndex) {
    this.#mesh = mesh;
    this.#index = index;
  }

  state(): RosterState {
    const mesh = this.#mesh;
    for (const entry of this.#index.issued(mesh, 1, this.#index.highest(mesh))) this.#hear(entry, 0);
    let due = this.#promotions.toSorted((a, b) => b.sequence - a.sequence || (a.hash < b.hash ? -1 : 1));
    for (let rank = 1; due.length > 0; ) {
      this.#promotions = [];
      for (const promotion of due) this.#serve(promotion, rank++);
      due = this.#promotions;
    }
    const heads = headsOf(this.#index, this.#counted);
    const roles = new Map<string, RoleName>();
    for (const [subject, statements] of heads) {
      if (!this.#removed.has(subject)) roles.set(subject, leastRole(statements));
    }
    return {
      roles,
      heads,
      removed: this.#removed,
      standing: this.#standing,
      counted: this.#counted,
      lastCounted: this.#lastCounted,
    };
  }

  /** The entries of one tenure. */
  #serve(promotion: RosterEntry, rank: number): void {
    const { subject } = promotion;
    const index = this.#index;
    const cuts = this.#cutsOf(subject);
    const known = knowsOf(index, promotion);
    const cut = cuts.strongest(known);
    const start = lastOf(index, subject, promotion);
    if (cut !== undefined) {
      if (start !== missing) this.#follow(promotion, rank, start, cuts.left(index, start, cut), known);
    } else if (start === missing) {
      // It protects, and cannot speak before what it goes on from has arrived.
      this.#stand(subject, { rank, tip: undefined, isForked: true });
    } else {
      const steps = this.#unlessWalked(walk(index, subject, start), cuts.hasOwn);
      const standing = this.#follow(promotion, rank, start, steps, known);
      if (standing !== undefined) this.#stand(subject, standing);
    }
  }

  #cutsOf(subject: string): RosterCuts {
    const cuts = this.#cuts.get(subject) ?? new RosterCuts(subject);
    this.#cuts.set(subject, cuts);
    return cuts;
  }

  /** Undefined: it ended itself, or another tenure came this way before. */
  #follow(
    { subject }: RosterEntry,
    rank: number,
    start: RosterEntry | undefined,
    steps: Iterable<Step>,
    known: ReadonlySet<RosterEntry>,
  ): Standing | undefined {
    let tip = start;
    for (const entry of steps) {
      if (entry === walked) return undefined;
      if (entry === fork) return { rank, tip, isForked: true };
      this.#hear(entry, rank);
      const isOfItself = entry.subject === subject && entry.role !== "admin";
      if (isOfItself && (entry.role === "removed" || !known.has(entry))) return undefined;
      tip = entry;
    }
    return { rank, tip, isForked: false };
  }

  /** What stands already where a better rank came through goes the same way on from there. */
  *#unlessWalked(steps: Iterable<RosterEntry | typeof fork>, again: boolean): Generator<Step> {
    for (const step of steps) {
      if (step !== fork) {
        if (!again && this.#walked.has(step)) return yield walked;
        this.#walked.add(step);
      }
      yield step;
    }
  }

  /** The best rank protects; it may speak where any tenure lets it. */
  #stand(subject: string, standing: Standing): void {
    const before = this.#standing.get(subject);
    if (before === undefined) this.#standing.set(subject, standing);
    else if (before.isForked && !standing.isForked)
      this.#standing.set(subject, { ...standing, rank: before.rank });
  }

  #hear(entry: RosterEntry, rank: number): void {
    const { role, subject, issuer } = entry;
    if (this.#counted.has(entry) || subject === this.#mesh) return;
    if (role === "admin") {
      // Nobody makes itself an admin.
      if (subject === issuer) return;
      this.#promotions.push(entry);
    } else {
      const { rank: standing } = this.#standing.get(subject) ?? { rank };
      if (standing < rank && subject !== issuer) return;
      this.#cutsOf(subject).add(entry, rank);
      if (role === "removed") this.#removed.add(subject);
    }
    this.#counted.add(entry);
    if ((this.#lastCounted.get(issuer)?.sequence ?? 0) < entry.sequence) this.#lastCounted.set(issuer, entry);
  }
}

/** All that the entry supersedes, directly or not: the nearest, up to a limit. */
function knowsOf(index: RosterIndex, start: RosterEntry): ReadonlySet<RosterEntry> {
  const known = new Set<RosterEntry>();
  const open = [start];
  for (const entry of open) {
    if (known.size >= rosterLimits.knownMax) break;
    for (const before of supersededBy(index, entry)) {
      if (known.has(before)) continue;
      known.add(before);
      open.push(before);
    }
  }
  return known;
}

function supersededBy(index: RosterIndex, { subject, supersedes }: RosterEntry): RosterEntry[] {
  return supersedes.flatMap((hash) => {
    const entry = index.get(hash);
    return entry?.subject === subject ? [entry] : [];
  });
}

function headsOf(index: RosterIndex, counted: ReadonlySet<RosterEntry>): Map<string, RosterEntry[]> {
  const superseded = new Set<RosterEntry>();
  const open = [...counted];
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    for (const before of supersededBy(index, entry)) {
      if (superseded.has(before)) continue;
      superseded.add(before);
      open.push(before);
    }
  }
  const heads = [...counted].filter((entry) => !superseded.has(entry) && entry.role !== "removed");
  return Map.groupBy(heads, ({ subject }) => subject);
}

function leastRole(statements: readonly RosterEntry[]): RoleName {
  return roleNames.find((role) => statements.some((statement) => statement.role === role)) ?? "observer";
}
