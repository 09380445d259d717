/** Decides which of some new entries a roster keeps, and changes nothing: they are to be stored before they hold. */
import type { RosterEntry } from "./roster-entry.ts";
import type { RosterIndex } from "./roster-index.ts";
import { rosterLimits } from "./roster-limits.ts";
import { type Room, RoomLeft } from "./roster-room.ts";

/** What the roster holds before. */
export interface Holdings {
  readonly mesh: string;
  readonly index: Pick<RosterIndex, "get" | "size" | "countOf">;
  readonly issuers: ReadonlySet<string>;
  readonly pending: ReadonlyMap<string, RosterEntry>;
  /** Undefined: they were kept before, so there is room for all. */
  readonly room: (() => Room) | undefined;
}

export class Intake {
  /** In an order in which anybody can take them. */
  readonly kept: RosterEntry[] = [];
  /** Named admin by what is kept. */
  readonly issuers = new Set<string>();
  /** Of issuers who are no admins as far as is known. */
  readonly waiting = new Map<string, RosterEntry>();
  uselessCount = 0;
  readonly #before: Holdings;
  readonly #keptHashes = new Set<string>();
  readonly #counts = new Map<string, number>();
  #room: RoomLeft | undefined;
  /** Of `kept`, those that the room knows of. */
  #taken = 0;

  constructor(before: Holdings, entries: Iterable<RosterEntry>) {
    this.#before = before;
    for (const entry of entries) {
      const { hash, issuer } = entry;
      if (before.index.get(hash) !== undefined || before.pending.has(hash) || this.#keptHashes.has(hash))
        continue;
      if (before.issuers.has(issuer) || this.issuers.has(issuer)) this.#keep(entry);
      else this.waiting.set(hash, entry);
    }
    this.uselessCount += this.waiting.size;
  }

  /** The entry, and what waited for it. */
  #keep(first: RosterEntry): void {
    const open = [first];
    for (const entry of open) {
      if (!this.#hasRoom(entry.issuer)) {
        this.uselessCount++;
        continue;
      }
      this.kept.push(entry);
      this.#keptHashes.add(entry.hash);
      this.#counts.set(entry.issuer, this.#countOf(entry.issuer) + 1);
      if (entry.role === "admin") open.push(...this.#admit(entry.subject));
    }
  }

  #admit(subject: string): RosterEntry[] {
    if (this.#before.issuers.has(subject) || this.issuers.has(subject)) return [];
    this.issuers.add(subject);
    const released = [...this.#before.pending.values(), ...this.waiting.values()].filter(
      ({ issuer }) => issuer === subject,
    );
    for (const { hash } of released) this.waiting.delete(hash);
    return released;
  }

  /** As after what is kept so far. */
  #hasRoom(issuer: string): boolean {
    const { index, room } = this.#before;
    if (room === undefined) return true;
    // Until all together are that many, nobody need ask whose they are.
    if (index.size + this.kept.length < rosterLimits.entriesMax)
      return this.#countOf(issuer) < rosterLimits.entriesPerIssuerMax;
    this.#room ??= new RoomLeft(room());
    this.#room.take(this.kept.slice(this.#taken));
    this.#taken = this.kept.length;
    return this.#room.has(issuer);
  }

  #countOf(issuer: string): number {
    return this.#counts.get(issuer) ?? this.#before.index.countOf(issuer);
  }
}
