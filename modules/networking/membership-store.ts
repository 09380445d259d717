/** Which mesh this node is in, and what others may be here. */
import { eq } from "drizzle-orm";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import type { RoleName } from "../access/contract.ts";
import { caps, invites, membership, namePins, nodeFacts, rosterEntries } from "./store.ts";

export interface Membership {
  /** Peer id of the mesh key. */
  readonly mesh: string;
  readonly joinedAtMs: number;
  /** What every other node may be here at most, unless it has a cap of its own. */
  readonly cap: RoleName;
  /** The answer with the recovery phrase may not have gone out. */
  readonly phraseUnconfirmed?: boolean;
}

export class MembershipStore {
  readonly #database: OpenDatabase;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  read(): Membership | undefined {
    const [row] = this.#database.query(() => this.#database.drizzle.select().from(membership).all());
    if (row === undefined) return undefined;
    const { mesh, joinedAtMs, cap, phraseUnconfirmed } = row;
    return { mesh, joinedAtMs, cap, ...(phraseUnconfirmed ? { phraseUnconfirmed } : {}) };
  }

  write(value: Membership): void {
    const row = { one: 1, ...value };
    this.#database.transaction(() =>
      this.#database.drizzle
        .insert(membership)
        .values(row)
        .onConflictDoUpdate({ target: membership.one, set: row })
        .run(),
    );
  }

  /** The recovery phrase has reached whoever asked for it. */
  confirmPhrase(): void {
    this.#database.transaction(() =>
      this.#database.drizzle.update(membership).set({ phraseUnconfirmed: false }).run(),
    );
  }

  /** By peer id. */
  caps(): ReadonlyMap<string, RoleName> {
    const rows = this.#database.query(() => this.#database.drizzle.select().from(caps).all());
    return new Map(rows.map(({ peer, role }) => [peer, role]));
  }

  /** Undefined: the node has no cap of its own any more. */
  setCap(peer: string, role: RoleName | undefined): void {
    this.#database.transaction(() => {
      this.#database.drizzle.delete(caps).where(eq(caps.peer, peer)).run();
      if (role !== undefined) this.#database.drizzle.insert(caps).values({ peer, role }).run();
    });
  }

  /** All that this node knows of its mesh, at once. */
  forget(): void {
    this.#database.transaction(() => {
      for (const table of [membership, caps, namePins, rosterEntries, nodeFacts, invites]) {
        this.#database.drizzle.delete(table).run();
      }
    });
  }
}
