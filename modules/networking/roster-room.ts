/** How many more entries a roster takes, and of whom. Order matters here: what finds no room is as if it never came. */
import type { RosterEntry } from "./roster-entry.ts";
import type { RosterIndex } from "./roster-index.ts";
import { rosterLimits } from "./roster-limits.ts";

export interface Room {
  /** By issuer. */
  readonly counts: ReadonlyMap<string, number>;
  /** Entries of admins that the mesh key did not name. */
  readonly taken: number;
  /** With those of whoever is no admin any more. */
  readonly stored: number;
  /** The mesh key, and whom it named: limited one by one alone. */
  readonly reserved: ReadonlySet<string>;
}

export function roomOf(
  mesh: string,
  index: Omit<RosterIndex, "add">,
  admins: Pick<ReadonlyMap<string, unknown>, "has">,
): Room {
  const reserved = new Set([mesh]);
  for (const { role, subject } of index.issued(mesh, 1, index.highest(mesh)))
    if (role === "admin") reserved.add(subject);
  const counts = new Map([...index.issuers()].map((issuer) => [issuer, index.countOf(issuer)]));
  const others = [...counts].filter(([issuer]) => !reserved.has(issuer));
  const sum = (some: typeof others) => some.reduce((total, [, count]) => total + count, 0);
  return {
    counts,
    reserved,
    taken: sum(others.filter(([issuer]) => admins.has(issuer))),
    stored: sum(others),
  };
}

export class RoomLeft {
  readonly #counts: Map<string, number>;
  readonly #reserved: Set<string>;
  readonly #mesh: string;
  #taken: number;
  #stored: number;

  constructor({ counts, taken, stored, reserved }: Room) {
    this.#counts = new Map(counts);
    this.#reserved = new Set(reserved);
    this.#mesh = [...reserved][0] ?? "";
    this.#taken = taken;
    this.#stored = stored;
  }

  take(entries: readonly RosterEntry[]): void {
    for (const { issuer, role, subject } of entries) {
      this.#counts.set(issuer, this.#countOf(issuer) + 1);
      if (issuer === this.#mesh && role === "admin") this.#reserved.add(subject);
      if (this.#reserved.has(issuer)) continue;
      this.#taken++;
      this.#stored++;
    }
  }

  has(issuer: string): boolean {
    const { entriesMax, entriesPerIssuerMax, storedMax } = rosterLimits;
    if (this.#countOf(issuer) >= entriesPerIssuerMax) return false;
    return this.#reserved.has(issuer) || (this.#taken < entriesMax && this.#stored < storedMax);
  }

  #countOf(issuer: string): number {
    return this.#counts.get(issuer) ?? 0;
  }
}
