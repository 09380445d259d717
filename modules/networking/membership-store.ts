/** Which mesh this node is in, and what others may be here. */
import { eq } from "drizzle-orm";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import type { RoleName } from "../access/contract.ts";
import { caps, invites, membership, nodeFacts, rosterEntries } from "./store.ts";

export interface Membership {
  /** Peer id of the mesh key. */
  readonly mesh: string;
  readonly joinedAtMs: number;
  /** What every other node may be here at most, unless it has a cap of its own. */
  readonly cap: RoleName;
}

export class MembershipStore {
  readonly #database: OpenDatabase;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  read(): Membership | undefined {
    const [row] = this.#database.query(() => this.#database.drizzle.select().from(membership).all());
    return row === undefined ? undefined : { mesh: row.mesh, joinedAtMs: row.joinedAtMs, cap: row.cap };
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
      for (const table of [membership, caps, rosterEntries, nodeFacts, invites]) {
        this.#database.drizzle.delete(table).run();
      }
    });
  }
}
