/** The entries of a roster as they are looked up. Knows nothing of who may say what. */
import type { RosterEntry } from "./roster-entry.ts";

export class RosterIndex {
  readonly #byHash = new Map<string, RosterEntry>();
  /** The slot of a sequence has more than one entry when the issuer forked its chain. */
  readonly #byIssuer = new Map<string, RosterEntry[][]>();
  readonly #countByIssuer = new Map<string, number>();
  /** By `followKey`. */
  readonly #following = new Map<string, RosterEntry[]>();

  add(entry: RosterEntry): void {
    const { hash, issuer, sequence } = entry;
    this.#byHash.set(hash, entry);
    const slots = this.#byIssuer.get(issuer) ?? [];
    const slot = slots[sequence] ?? [];
    slot.push(entry);
    slots[sequence] = slot;
    this.#byIssuer.set(issuer, slots);
    this.#countByIssuer.set(issuer, this.countOf(issuer) + 1);
    const key = followKey(issuer, entry.previous);
    const following = this.#following.get(key) ?? [];
    following.push(entry);
    this.#following.set(key, following);
  }

  get size(): number {
    return this.#byHash.size;
  }

  get(hash: string): RosterEntry | undefined {
    return this.#byHash.get(hash);
  }

  /** In the order in which they came: nobody's entry stands before the one that made its issuer an admin. */
  all(): IterableIterator<RosterEntry> {
    return this.#byHash.values();
  }

  issuers(): IterableIterator<string> {
    return this.#byIssuer.keys();
  }

  countOf(issuer: string): number {
    return this.#countByIssuer.get(issuer) ?? 0;
  }

  highest(issuer: string): number {
    return Math.max(0, (this.#byIssuer.get(issuer)?.length ?? 0) - 1);
  }

  /** All of the issuer with `from <= sequence <= to`, by sequence and then by hash: the same order everywhere. */
  issued(issuer: string, from: number, to: number): RosterEntry[] {
    return (this.#byIssuer.get(issuer) ?? [])
      .slice(from, to + 1)
      .flatMap((slot) => (slot.length > 1 ? slot.toSorted((a, b) => (a.hash < b.hash ? -1 : 1)) : slot));
  }

  /** The issuer's entries that follow this one, or its first ones. More than one: a fork. */
  after(issuer: string, before: RosterEntry | undefined): readonly RosterEntry[] {
    const sequence = (before?.sequence ?? 0) + 1;
    const following = this.#following.get(followKey(issuer, before?.hash ?? null)) ?? [];
    return following.filter((entry) => entry.sequence === sequence);
  }
}

const followKey = (issuer: string, previous: string | null): string => `${issuer} ${previous ?? ""}`;
