/** Along the entries of one issuer: each names the one before by its hash. */
import type { RosterEntry } from "./roster-entry.ts";
import type { RosterIndex } from "./roster-index.ts";

type Reading = Omit<RosterIndex, "add">;

/** An entry that is named and has not arrived, or none of that issuer. */
export const missing = Symbol("missing");
/** Two entries follow the same one. */
export const fork = Symbol("fork");

/**
 * The subject's entry that the statement names as its last valid one: the statement itself when that is the subject's
 * own; undefined when it names none.
 */
export function lastOf(
  index: Reading,
  subject: string,
  statement: RosterEntry,
): RosterEntry | undefined | typeof missing {
  if (statement.issuer === subject) return statement;
  if (statement.lastHash === undefined) return undefined;
  const last = index.get(statement.lastHash);
  return last?.issuer === subject && last.sequence === statement.lastValid ? last : missing;
}

/** The entries behind `start` up to `last`, one following the other; `missing` when they do not come together. */
export function between(
  index: Reading,
  start: RosterEntry | undefined,
  last: RosterEntry | undefined,
): readonly RosterEntry[] | typeof missing {
  const path: RosterEntry[] = [];
  for (let at = last; at !== start && at !== undefined; ) {
    // Another branch, or an end before the beginning.
    if (at.sequence <= (start?.sequence ?? 0)) return missing;
    path.push(at);
    if (at.previous === null) return start === undefined ? path.toReversed() : missing;
    const before = index.get(at.previous);
    if (before?.issuer !== at.issuer || before.sequence !== at.sequence - 1) return missing;
    at = before;
  }
  return path.toReversed();
}

/** On behind an entry (from the first one when undefined) as long as exactly one follows. */
export function* walk(
  index: Reading,
  issuer: string,
  start: RosterEntry | undefined,
): Generator<RosterEntry | typeof fork> {
  for (let following = index.after(issuer, start); ; ) {
    const [next] = following;
    if (next === undefined) return;
    if (following.length > 1) return yield fork;
    yield next;
    following = index.after(issuer, next);
  }
}

/** Where somebody may go on who said anything: the end of a branch, the same on every node that knows the same. */
export function endOf(
  index: Reading,
  issuer: string,
  from: RosterEntry | undefined,
): RosterEntry | undefined {
  let at = from;
  for (let next = least(index.after(issuer, at)); next !== undefined; next = least(index.after(issuer, at)))
    at = next;
  return at;
}

const least = (entries: readonly RosterEntry[]): RosterEntry | undefined =>
  entries.length > 1 ? entries.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))[0] : entries[0];

/** The end of the longest branch behind an entry; of equal ones the same on every node that knows the same. */
export function farthest(
  index: Reading,
  issuer: string,
  from: RosterEntry | undefined,
): RosterEntry | undefined {
  for (let sequence = index.highest(issuer); sequence > (from?.sequence ?? 0); sequence--) {
    const end = index
      .issued(issuer, sequence, sequence)
      .find((entry) => between(index, from, entry) !== missing);
    if (end !== undefined) return end;
  }
  return undefined;
}

/** Whether the issuer said something beyond this entry that is not on another branch: what it says next would fork. */
export function hasMoreBeyond(index: Reading, issuer: string, tip: RosterEntry | undefined): boolean {
  const aside = new Set<RosterEntry>();
  for (const entry of index.issued(issuer, (tip?.sequence ?? 0) + 1, index.highest(issuer))) {
    const before = entry.previous === null ? undefined : index.get(entry.previous);
    if (before?.issuer !== issuer || before.sequence !== entry.sequence - 1) return true;
    if (!aside.has(before) && (before.sequence !== tip?.sequence || before === tip)) return true;
    aside.add(entry);
  }
  return false;
}
