/**
 * The meaning of a roster once more, word by word from the head of roster-state.ts, with no thought of speed: sets,
 * and loops until nothing changes.
 */
import { roleNames } from "../../modules/access/contract.ts";
import type { RosterEntry } from "../../modules/networking/roster-entry.ts";

type Entries = ReadonlySet<RosterEntry>;

export function oracle(mesh: string, all: readonly RosterEntry[]) {
  const entries = admissible(mesh, all);
  const removals = [...entries].filter(({ role, subject }) => role === "removed" && subject !== mesh);
  const removed = new Set(removals.map(({ subject }) => subject));
  const named = new Set([...entries].filter(({ role }) => role === "admin").map(({ subject }) => subject));
  const demotionsOf = (says: Entries): Entries =>
    new Set(
      [...says].filter(({ role, subject }) => role !== "admin" && role !== "removed" && named.has(subject)),
    );
  let possible = demotionsOf(counted(mesh, entries, removals, new Set()));
  for (;;) {
    const certain = demotionsOf(counted(mesh, entries, removals, possible));
    const next = demotionsOf(counted(mesh, entries, removals, certain));
    if (next.size === possible.size) break;
    possible = next;
  }
  const says = counted(mesh, entries, removals, possible).union(possible);
  const roles = new Map<string, string>();
  for (const subject of new Set([...says].map((entry) => entry.subject))) {
    const heads = [...says].filter(
      (entry) => entry.subject === subject && ![...says].some((other) => knowsOf(entries, other, entry)),
    );
    const least = roleNames.find((role) => heads.some((head) => head.role === role));
    if (!removed.has(subject) && least !== undefined) roles.set(subject, least);
  }
  return { roles, removed };
}

function admissible(mesh: string, all: readonly RosterEntry[]): Entries {
  let issuers = new Set([mesh]);
  for (;;) {
    const named = all.filter(({ issuer, role }) => issuers.has(issuer) && role === "admin");
    const next = issuers.union(new Set(named.map(({ subject }) => subject)));
    if (next.size === issuers.size) break;
    issuers = next;
  }
  const unique = new Map(all.map((entry) => [entry.hash, entry]));
  return new Set([...unique.values()].filter(({ issuer }) => issuers.has(issuer)));
}

function counted(
  mesh: string,
  entries: Entries,
  removals: readonly RosterEntry[],
  demotions: Entries,
): Entries {
  let says: Entries = new Set();
  for (;;) {
    const next = new Set(
      [...entries].filter((entry) => counts(mesh, entries, removals, demotions, says, entry)),
    );
    if (next.size === says.size) return says;
    says = next;
  }
}

function counts(
  mesh: string,
  entries: Entries,
  removals: readonly RosterEntry[],
  demotions: Entries,
  says: Entries,
  entry: RosterEntry,
): boolean {
  const { issuer, subject, role, sequence } = entry;
  if (subject === mesh || (role === "admin" && subject === issuer) || !isChained(entries, entry))
    return false;
  if (removals.some((removal) => removal.subject === issuer && sequence > (removal.lastValid ?? 0)))
    return false;
  const promotions = [...says].filter((one) => one.role === "admin" && one.subject === issuer);
  if (issuer !== mesh && promotions.length === 0) return false;
  return [...demotions].every(
    (demotion) =>
      issuer === mesh ||
      demotion.subject !== issuer ||
      sequence <= (demotion.lastValid ?? 0) ||
      promotions.some((one) => knowsOf(entries, one, demotion) && sequence > (one.lastValid ?? 0)),
  );
}

function isChained(entries: Entries, entry: RosterEntry): boolean {
  const twins = [...entries].filter((one) => one.issuer === entry.issuer && one.sequence === entry.sequence);
  if (twins.length > 1) return false;
  if (entry.sequence === 1) return entry.previous === null;
  const before = [...entries].find(({ hash, issuer }) => hash === entry.previous && issuer === entry.issuer);
  return before !== undefined && before.sequence === entry.sequence - 1 && isChained(entries, before);
}

/** Whether the later one supersedes the other, directly or through what it supersedes. */
function knowsOf(entries: Entries, later: RosterEntry, other: RosterEntry): boolean {
  if (later.subject !== other.subject) return false;
  return later.supersedes.some((hash) => {
    const between = [...entries].find((entry) => entry.hash === hash && entry.subject === later.subject);
    return between !== undefined && (between === other || knowsOf(entries, between, other));
  });
}
