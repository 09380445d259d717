/** Tokens and their grants on disk. */
import { and, count, desc, eq, inArray, isNotNull, isNull } from "drizzle-orm";
import type { Grant } from "../../src/kernel/authority.ts";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import { limits } from "./limits.ts";
import { grants, tokens } from "./store.ts";

export type TokenRow = typeof tokens.$inferSelect;

/** A grant with its row's id, as one token holds it. */
export interface StoredGrant {
  readonly id: string;
  readonly origin: "token" | "approval";
  readonly grant: Grant;
}

/** SQLite takes an offset only behind a limit. */
const everyOther = Number.MAX_SAFE_INTEGER;

export class TokenStore {
  readonly #database: OpenDatabase;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  /** Newest first; live ones only, unless `all`. */
  list(all: boolean): readonly TokenRow[] {
    const query = this.#database.drizzle.select().from(tokens);
    const newest = desc(tokens.createdAtMs);
    return this.#database.query(() =>
      (all ? query : query.where(isNull(tokens.endedAtMs))).orderBy(newest, tokens.id).all(),
    );
  }

  byId(id: string): TokenRow | undefined {
    const query = this.#database.drizzle.select().from(tokens).where(eq(tokens.id, id));
    return this.#database.query(() => query.get());
  }

  liveByName(name: string): TokenRow | undefined {
    const live = and(eq(tokens.name, name), isNull(tokens.endedAtMs));
    const query = this.#database.drizzle.select().from(tokens).where(live);
    return this.#database.query(() => query.get());
  }

  liveCount(): number {
    const query = this.#database.drizzle
      .select({ count: count() })
      .from(tokens)
      .where(isNull(tokens.endedAtMs));
    return this.#database.query(() => query.get())?.count ?? 0;
  }

  grantsOf(tokenId: string): readonly StoredGrant[] {
    const query = this.#database.drizzle
      .select()
      .from(grants)
      .where(eq(grants.tokenId, tokenId))
      .orderBy(grants.createdAtMs, grants.id);
    return this.#database.query(() => query.all()).map(grantFromRow);
  }

  insert(row: TokenRow, held: readonly StoredGrant[]): void {
    this.#database.transaction(() => {
      this.#database.drizzle.insert(tokens).values(row).run();
      for (const grant of held) this.#insertGrant(row.id, grant, row.createdAtMs);
    });
  }

  addGrant(tokenId: string, grant: StoredGrant, nowMs: number): void {
    this.#database.transaction(() => this.#insertGrant(tokenId, grant, nowMs));
  }

  /** Gives it another secret. */
  setDigest(id: string, digest: Buffer): void {
    const query = this.#database.drizzle
      .update(tokens)
      .set({ digest, bearer: true })
      .where(eq(tokens.id, id));
    this.#database.transaction(() => query.run());
  }

  setUses(uses: ReadonlyMap<string, number>): void {
    this.#database.transaction(() => {
      for (const [id, lastUsedAtMs] of uses)
        this.#database.drizzle.update(tokens).set({ lastUsedAtMs }).where(eq(tokens.id, id)).run();
    });
  }

  /** False when the token has no such grant. */
  removeGrant(tokenId: string, id: string): boolean {
    const which = and(eq(grants.tokenId, tokenId), eq(grants.id, id));
    const query = this.#database.drizzle.delete(grants).where(which).returning({ id: grants.id });
    return this.#database.transaction(() => query.all().length > 0);
  }

  /** Ends a live token for ever, and forgets the oldest ended ones beyond the limit. */
  end(id: string, endedBy: "revoked" | "expired", nowMs: number): void {
    const { drizzle } = this.#database;
    this.#database.transaction(() => {
      drizzle
        .update(tokens)
        .set({ endedAtMs: nowMs, endedBy })
        .where(and(eq(tokens.id, id), isNull(tokens.endedAtMs)))
        .run();
      const surplus = drizzle
        .select({ id: tokens.id })
        .from(tokens)
        .where(isNotNull(tokens.endedAtMs))
        .orderBy(desc(tokens.endedAtMs), tokens.id)
        .limit(everyOther)
        .offset(limits.endedTokensMax);
      drizzle.delete(tokens).where(inArray(tokens.id, surplus)).run();
    });
  }

  #insertGrant(tokenId: string, { id, origin, grant }: StoredGrant, createdAtMs: number): void {
    const { permission, decision, scope, nodes, expiresAtMs } = grant;
    const row = {
      id,
      tokenId,
      origin,
      permission,
      decision,
      scope: JSON.stringify(scope),
      nodes: nodes === undefined ? null : JSON.stringify(nodes),
      expiresAtMs: expiresAtMs ?? null,
      createdAtMs,
    };
    this.#database.drizzle.insert(grants).values(row).run();
  }
}

function grantFromRow(row: typeof grants.$inferSelect): StoredGrant {
  const { id, origin, permission, decision } = row;
  const grant: Grant = {
    permission,
    decision,
    scope: JSON.parse(row.scope),
    ...(row.nodes === null ? {} : { nodes: JSON.parse(row.nodes) as "*" | readonly string[] }),
    ...(row.expiresAtMs === null ? {} : { expiresAtMs: row.expiresAtMs }),
  };
  return { id, origin, grant };
}
