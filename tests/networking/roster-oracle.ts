/**
 * The meaning of a roster once more, word by word from the head of roster-state.ts, with no thought of speed: sets,
 * and every question asked anew.
 */
import { roleNames } from "../../modules/access/contract.ts";
import type { RosterEntry } from "../../modules/networking/roster-entry.ts";

type Entries = ReadonlySet<RosterEntry>;

interface Tenure {
  readonly promotion: RosterEntry;
  /** Of the giver's own tenure; 0 is the mesh key. */
  readonly giver: number;
  readonly depth: number;
}

/** What counts, with the rank of the tenure that reaches it. */
type Counting = Map<RosterEntry, number>;

export function oracle(mesh: string, all: readonly RosterEntry[]) {
  const entries = admissible(mesh, all);
  const says = counted(mesh, entries);
  const removed = new Set([...says].filter(({ role }) => role === "removed").map(({ subject }) => subject));
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

function counted(mesh: string, entries: Entries): Entries {
  const counting: Counting = new Map();
  const own = [...entries].filter(({ issuer }) => issuer === mesh);
  for (const entry of own) if (entry.subject !== mesh) counting.set(entry, 0);
  const served: Tenure[] = [];
  for (let rank = 1; ; rank++) {
    const next = first(tenuresOf(mesh, counting, served));
    if (next === undefined) return new Set(counting.keys());
    const standing = (peer: string) =>
      served.some((one, at) => one.promotion.subject === peer && stands(entries, counting, at + 1, one));
    for (const entry of reachOf(entries, counting, rank, next)) {
      const { subject, issuer, role } = entry;
      if (counting.has(entry) || subject === mesh || (role === "admin" && subject === issuer)) continue;
      if (role !== "admin" && subject !== issuer && standing(subject)) continue;
      counting.set(entry, rank);
    }
    served.push(next);
  }
}

/** Given by what counts, and not served yet. */
function tenuresOf(mesh: string, counting: Counting, served: readonly Tenure[]): Tenure[] {
  const promotions = [...counting].filter(([{ role }]) => role === "admin");
  return promotions
    .filter(([promotion]) => !served.some((one) => one.promotion === promotion))
    .map(([promotion, giver]) => ({
      promotion,
      giver,
      depth: promotion.issuer === mesh ? 1 : (served[giver - 1]?.depth ?? 0) + 1,
    }));
}

function first(tenures: readonly Tenure[]): Tenure | undefined {
  return tenures.toSorted((a, b) => {
    if (a.depth !== b.depth) return a.depth - b.depth;
    if (a.giver !== b.giver) return a.giver - b.giver;
    const [one, other] = [a.promotion, b.promotion];
    if (one.sequence !== other.sequence) return (one.sequence - other.sequence) * (a.giver === 0 ? -1 : 1);
    return one.hash < other.hash ? -1 : 1;
  })[0];
}

/** The cut that says what is left of the tenure; only those of better ranks, or its own, can be there already. */
function cutOf(
  entries: Entries,
  counting: Counting,
  rank: number,
  { promotion }: Tenure,
): RosterEntry | undefined {
  const { subject } = promotion;
  const cuts = [...counting].filter(
    ([entry, by]) =>
      entry.subject === subject &&
      entry.role !== "admin" &&
      by < rank &&
      (entry.role === "removed" || !knowsOf(entries, promotion, entry)),
  );
  const best = Math.min(...cuts.map(([, by]) => by));
  const end = (entry: RosterEntry) => (entry.issuer === subject ? entry.sequence : (entry.lastValid ?? 0));
  return cuts
    .filter(([, by]) => by === best)
    .map(([entry]) => entry)
    .toSorted((a, b) => end(a) - end(b) || (a.hash < b.hash ? -1 : 1))[0];
}

function stands(entries: Entries, counting: Counting, rank: number, tenure: Tenure): boolean {
  const reach = reachOf(entries, counting, rank, tenure);
  const last = reach.at(-1);
  const endsItself = last !== undefined && isOwnEnd(entries, tenure, last);
  return cutOf(entries, counting, rank, tenure) === undefined && !endsItself;
}

const isOwnEnd = (entries: Entries, { promotion }: Tenure, entry: RosterEntry): boolean =>
  entry.subject === promotion.subject &&
  (entry.role === "removed" || (entry.role !== "admin" && !knowsOf(entries, promotion, entry)));

function reachOf(entries: Entries, counting: Counting, rank: number, tenure: Tenure): RosterEntry[] {
  const { promotion } = tenure;
  const cut = cutOf(entries, counting, rank, tenure);
  const start = pathTo(entries, promotion.subject, promotion);
  const left = cut === undefined ? undefined : pathTo(entries, promotion.subject, cut);
  if (start === undefined || (cut !== undefined && left === undefined)) return [];
  const reach: RosterEntry[] = [];
  for (let at = start.at(-1); ; at = reach.at(-1)) {
    const following = [...entries].filter(
      (entry) =>
        entry.issuer === promotion.subject &&
        entry.previous === (at?.hash ?? null) &&
        entry.sequence === (at?.sequence ?? 0) + 1 &&
        (left === undefined || left.includes(entry)),
    );
    const [next] = following;
    if (next === undefined || following.length > 1) return reach;
    reach.push(next);
    if (isOwnEnd(entries, tenure, next)) return reach;
  }
}

/** From the first entry to the one that the statement names, itself when it is its subject's own. */
function pathTo(entries: Entries, subject: string, statement: RosterEntry): RosterEntry[] | undefined {
  const { issuer, lastHash, lastValid } = statement;
  if (issuer !== subject && lastHash === undefined) return [];
  const last = [...entries].find(
    (one) =>
      one === statement || (one.hash === lastHash && one.issuer === subject && one.sequence === lastValid),
  );
  if (issuer === subject) return pathOf(entries, statement);
  return last === undefined || last === statement ? undefined : pathOf(entries, last);
}

function pathOf(entries: Entries, last: RosterEntry): RosterEntry[] | undefined {
  if (last.sequence === 1) return last.previous === null ? [last] : undefined;
  const before = [...entries].find(
    ({ hash, issuer, sequence }) =>
      hash === last.previous && issuer === last.issuer && sequence === last.sequence - 1,
  );
  const path = before === undefined ? undefined : pathOf(entries, before);
  return path === undefined ? undefined : [...path, last];
}

/** Whether the later one supersedes the other, directly or through what it supersedes. */
function knowsOf(entries: Entries, later: RosterEntry, other: RosterEntry): boolean {
  if (later.subject !== other.subject) return false;
  return later.supersedes.some((hash) => {
    const between = [...entries].find((entry) => entry.hash === hash && entry.subject === later.subject);
    return between !== undefined && (between === other || knowsOf(entries, between, other));
  });
}
