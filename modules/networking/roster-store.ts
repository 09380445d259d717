/** The roster and the nodes' facts on disk. */
import { asc, eq, inArray } from "drizzle-orm";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import { type NodeFacts, storedFacts, unsealFacts } from "./facts.ts";
import { type RosterEntry, storedEntry } from "./roster-entry.ts";
import type { LedgerStore } from "./roster-ledger.ts";
import { nodeFacts, rosterEntries } from "./store.ts";

export class RosterStore implements LedgerStore {
  readonly #database: OpenDatabase;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  entries(mesh: string): readonly RosterEntry[] {
    const query = this.#database.drizzle
      .select({ envelope: rosterEntries.envelope })
      .from(rosterEntries)
      .where(eq(rosterEntries.mesh, mesh))
      .orderBy(asc(rosterEntries.position));
    return this.#database
      .query(() => query.all())
      .map(({ envelope }) => storedEntry(new Uint8Array(envelope)));
  }

  facts(mesh: string): readonly NodeFacts[] {
    const query = this.#database.drizzle
      .select({ envelope: nodeFacts.envelope })
      .from(nodeFacts)
      .where(eq(nodeFacts.mesh, mesh));
    return this.#database
      .query(() => query.all())
      .map(({ envelope }) => new Uint8Array(envelope))
      .map((bytes) => storedFacts(unsealFacts(bytes), bytes));
  }

  putEntries(entries: readonly RosterEntry[]): void {
    this.#database.transaction(() => {
      for (const { hash, mesh, issuer, sequence, envelope } of entries) {
        const row = { hash, mesh, issuer, sequence, envelope: Buffer.from(envelope) };
        this.#database.drizzle.insert(rosterEntries).values(row).onConflictDoNothing().run();
      }
    });
  }

  putFacts(facts: readonly NodeFacts[]): void {
    this.#database.transaction(() => {
      for (const { peer, mesh, sequence, envelope } of facts) {
        const set = { mesh, sequence, envelope: Buffer.from(envelope) };
        this.#database.drizzle
          .insert(nodeFacts)
          .values({ peer, ...set })
          .onConflictDoUpdate({ target: nodeFacts.peer, set })
          .run();
      }
    });
  }

  dropFacts(peers: readonly string[]): void {
    this.#database.transaction(() => {
      for (let at = 0; at < peers.length; at += 500) {
        const some = inArray(nodeFacts.peer, peers.slice(at, at + 500));
        this.#database.drizzle.delete(nodeFacts).where(some).run();
      }
    });
  }

  /** For a node that leaves its mesh. */
  clear(): void {
    this.#database.transaction(() => {
      this.#database.drizzle.delete(rosterEntries).run();
      this.#database.drizzle.delete(nodeFacts).run();
    });
  }
}
