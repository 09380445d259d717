/** Invites on disk. What is here cannot be turned back into a code. */
import { and, desc, eq, gt, inArray, isNull, sql } from "drizzle-orm";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import { invites } from "./store.ts";

export type InviteRow = typeof invites.$inferSelect;

/** SQLite takes an offset only behind a limit. */
const everyOther = Number.MAX_SAFE_INTEGER;

/** Over a database that was opened with `synchronous: "full"`: what a method has done survives a power cut. */
export class InviteStore {
  readonly #database: OpenDatabase;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  /** Forgets the oldest ones beyond `keptMax` that are no longer open. */
  insert(row: InviteRow, keptMax: number): void {
    const { drizzle } = this.#database;
    this.#database.transaction(() => {
      drizzle.insert(invites).values(row).run();
      const surplus = drizzle
        .select({ id: invites.id })
        .from(invites)
        .orderBy(desc(invites.createdAtMs), invites.id)
        .limit(everyOther)
        .offset(keptMax)
        .all()
        .map(({ id }) => id);
      const open = drizzle.select({ id: invites.id }).from(invites).where(isOpen(row.createdAtMs)).all();
      const closed = surplus.filter((id) => !open.some((one) => one.id === id));
      drizzle.delete(invites).where(inArray(invites.id, closed)).run();
    });
  }

  /** Newest first. */
  list(): readonly InviteRow[] {
    const query = this.#database.drizzle
      .select()
      .from(invites)
      .orderBy(desc(invites.createdAtMs), invites.id);
    return this.#database.query(() => query.all());
  }

  /** Neither revoked nor expired, so a few; asked for each stranger that connects. */
  live(nowMs: number): readonly InviteRow[] {
    const where = and(isNull(invites.revokedAtMs), gt(invites.expiresAtMs, nowMs));
    const query = this.#database.drizzle.select().from(invites).where(where);
    return this.#database.query(() => query.all());
  }

  byId(id: string): InviteRow | undefined {
    const query = this.#database.drizzle.select().from(invites).where(eq(invites.id, id));
    return this.#database.query(() => query.get());
  }

  /** True for exactly one taker of an open invite, even across a crash. */
  consume(id: string, usedBy: string, nowMs: number): boolean {
    return this.#update(and(eq(invites.id, id), isOpen(nowMs)), { usedBy, usedAtMs: nowMs });
  }

  /** Counts a wrong proof of an open invite, and closes it with the last one that is allowed. */
  fail(id: string, attemptsMax: number, nowMs: number): void {
    const attempts = sql`${invites.failedAttempts} + 1`;
    const query = this.#database.drizzle
      .update(invites)
      .set({
        failedAttempts: attempts,
        revokedAtMs: sql`case when ${attempts} >= ${attemptsMax} then ${nowMs} end`,
      })
      .where(and(eq(invites.id, id), isOpen(nowMs)));
    this.#database.transaction(() => query.run());
  }

  /** False when it was revoked meanwhile. */
  confirm(id: string, nowMs: number): boolean {
    return this.#update(and(eq(invites.id, id), isNull(invites.revokedAtMs)), { confirmedAtMs: nowMs });
  }

  /** False when it was revoked before. */
  revoke(id: string, nowMs: number): boolean {
    return this.#update(and(eq(invites.id, id), isNull(invites.revokedAtMs)), { revokedAtMs: nowMs });
  }

  #update(where: ReturnType<typeof and>, set: Partial<InviteRow>): boolean {
    const query = this.#database.drizzle.update(invites).set(set).where(where).returning({ id: invites.id });
    return this.#database.transaction(() => query.all().length === 1);
  }
}

function isOpen(nowMs: number) {
  return and(isNull(invites.usedBy), isNull(invites.revokedAtMs), gt(invites.expiresAtMs, nowMs));
}
