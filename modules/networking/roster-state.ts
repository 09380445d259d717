/**
 * What a set of roster entries says. A function of the set: the order in which entries came does not exist here, and
 * there is no time.
 *
 * 1. The issuers of the set are the mesh key and whoever some entry of an issuer ever named admin (roster.ts lets no
 *    other in). A *removal* by any of them holds for ever; the removed are more with every entry, never fewer. The
 *    entries of a removed issuer are *cut* behind the least `lastValid` of its removals.
 * 2. An entry *counts* when it is chained (no gap and no fork before it), not cut, and its issuer is the mesh key or
 *    was made admin by an entry that counts.
 * 3. A *demotion* is a statement below admin about somebody who was ever named admin. It blocks the subject's own
 *    entries after its `lastValid`, until an entry that counts makes the subject admin again, knowing of the demotion;
 *    that one says from where on.
 * 4. Of the statements that count, those that no other supersedes are the heads; the least role among them holds.
 *
 * 2 and 3 need each other in opposite directions: two admins may demote one another. The answer is the well-founded
 * one (Van Gelder, Ross, Schlipf 1991): with no demotions too much counts, with all of those too little, and so on in
 * turns until nothing changes. What stays undecided, as a mutual demotion does, holds on both sides.
 */
import { type RoleName, roleNames } from "../access/contract.ts";
import type { RosterEntry } from "./roster-entry.ts";
import type { RosterIndex } from "./roster-index.ts";
import { rosterLimits } from "./roster-limits.ts";

export interface RosterState {
  /** Of the members; a removed peer is none. */
  readonly roles: ReadonlyMap<string, RoleName>;
  readonly removed: ReadonlySet<string>;
  /** For each subject with a role: the statements that hold. */
  readonly heads: ReadonlyMap<string, readonly RosterEntry[]>;
}

interface Ground {
  readonly mesh: string;
  readonly index: RosterIndex;
  /** Whoever was ever named admin, whether that counts or not. */
  readonly named: ReadonlySet<string>;
  /** Of each issuer: chained and not cut. */
  readonly chains: ReadonlyMap<string, readonly RosterEntry[]>;
}

export function stateOf(mesh: string, index: RosterIndex): RosterState {
  const { removed, cuts, named } = survey(mesh, index);
  const chains = new Map<string, readonly RosterEntry[]>();
  for (const issuer of index.issuers()) chains.set(issuer, index.chain(issuer).slice(0, cuts.get(issuer)));
  const counted = countedOf({ mesh, index, named, chains });
  const heads = headsOf(index, counted);
  const roles = new Map<string, RoleName>();
  for (const [subject, statements] of heads) {
    if (!removed.has(subject)) roles.set(subject, leastRole(statements));
  }
  return { roles, removed, heads };
}

function survey(mesh: string, index: RosterIndex) {
  const named = new Set<string>();
  const removed = new Set<string>();
  const cuts = new Map<string, number>();
  for (const { role, subject, lastValid = 0 } of index.all()) {
    if (role === "admin") named.add(subject);
    if (role !== "removed" || subject === mesh) continue;
    removed.add(subject);
    cuts.set(subject, Math.min(lastValid, cuts.get(subject) ?? lastValid));
  }
  return { removed, cuts, named };
}

/** See 2 and 3 above. `possible` only shrinks from turn to turn, so equal sizes mean equal sets. */
function countedOf(ground: Ground): ReadonlySet<RosterEntry> {
  const demotionsIn = (entries: ReadonlySet<RosterEntry>) =>
    new Set([...entries].filter((entry) => isBelowAdmin(entry) && ground.named.has(entry.subject)));
  let possible = demotionsIn(count(ground, new Set()));
  for (let turn = 0; turn < rosterLimits.alternationsMax && possible.size > 0; turn++) {
    const certain = demotionsIn(count(ground, possible));
    const next = demotionsIn(count(ground, certain));
    if (next.size === possible.size) break;
    possible = next;
  }
  return count(ground, possible).union(possible);
}

const isBelowAdmin = ({ role }: RosterEntry): boolean => role !== "admin" && role !== "removed";

/** The least set of entries that count while these demotions hold. */
function count(ground: Ground, demotions: ReadonlySet<RosterEntry>): ReadonlySet<RosterEntry> {
  const counted = new Set<RosterEntry>();
  const bySubject = Map.groupBy(demotions, ({ subject }) => subject);
  const lifted = new Map<RosterEntry, number>();
  const due = new Set([ground.mesh]);
  for (const issuer of due) {
    // Whoever is named again has more that counts, and is looked at again.
    due.delete(issuer);
    const chain = ground.chains.get(issuer) ?? [];
    const blocked = blockedIn(chain.length, bySubject.get(issuer) ?? [], lifted);
    for (const entry of chain) {
      if (blocked[entry.sequence] !== 0 || counted.has(entry) || isVoid(ground.mesh, entry)) continue;
      counted.add(entry);
      if (entry.role !== "admin") continue;
      lift(ground.index, entry, lifted);
      due.add(entry.subject);
    }
  }
  return counted;
}

/** Nobody changes the mesh key, and nobody makes itself an admin. */
const isVoid = (mesh: string, { role, subject, issuer }: RosterEntry): boolean =>
  subject === mesh || (role === "admin" && subject === issuer);

/** By sequence, from 0 to `length`: how many demotions stand in the way. */
function blockedIn(
  length: number,
  demotions: readonly RosterEntry[],
  lifted: ReadonlyMap<RosterEntry, number>,
): Int32Array {
  const blocked = new Int32Array(length + 2);
  const mark = (sequence: number, by: number) => {
    if (sequence <= length) blocked[sequence] = (blocked[sequence] ?? 0) + by;
  };
  for (const demotion of demotions) {
    const from = demotion.lastValid ?? 0;
    const to = lifted.get(demotion) ?? Number.POSITIVE_INFINITY;
    if (to <= from) continue;
    mark(from + 1, 1);
    mark(to + 1, -1);
  }
  for (let at = 1; at <= length; at++) blocked[at] = (blocked[at] ?? 0) + (blocked[at - 1] ?? 0);
  return blocked;
}

/** The promotion lifts the demotions that it knew of, and those that these knew of, from its `lastValid` on. */
function lift(index: RosterIndex, promotion: RosterEntry, lifted: Map<RosterEntry, number>): void {
  const from = promotion.lastValid ?? 0;
  walkBack(index, promotion, (entry) => {
    if ((lifted.get(entry) ?? Number.POSITIVE_INFINITY) <= from) return false;
    lifted.set(entry, from);
    return true;
  });
}

function headsOf(index: RosterIndex, counted: ReadonlySet<RosterEntry>): Map<string, RosterEntry[]> {
  const superseded = new Set<RosterEntry>();
  const supersede = (entry: RosterEntry) => {
    if (superseded.has(entry)) return false;
    superseded.add(entry);
    return true;
  };
  for (const entry of counted) walkBack(index, entry, supersede);
  const heads = [...counted].filter((entry) => !superseded.has(entry) && entry.role !== "removed");
  return Map.groupBy(heads, ({ subject }) => subject);
}

/** Through everything that the entry supersedes, directly or not; no further where `visit` says false. */
function walkBack(index: RosterIndex, start: RosterEntry, visit: (entry: RosterEntry) => boolean): void {
  const open = [start];
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    for (const hash of entry.supersedes) {
      const before = index.get(hash);
      if (before !== undefined && before.subject === start.subject && visit(before)) open.push(before);
    }
  }
}

function leastRole(statements: readonly RosterEntry[]): RoleName {
  return roleNames.find((role) => statements.some((statement) => statement.role === role)) ?? "observer";
}
