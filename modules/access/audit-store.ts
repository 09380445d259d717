/** The audit on disk. Reads go in pages, so that no query keeps the node from its other work for long. */
import { and, asc, between, desc, eq, gt, gte, lte, min, or, type SQL, sql } from "drizzle-orm";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import { type ChainPoint, type ChainRecord, genesis } from "./chain.ts";
import { limits } from "./limits.ts";
import { audit } from "./store.ts";

export type AuditRow = typeof audit.$inferSelect;

/** What a reader asks for. All that are given must match. */
export interface AuditFilter {
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** A caller's id or name. */
  readonly caller?: string | undefined;
  readonly operation?: string | undefined;
  readonly code?: string | undefined;
  readonly kind?: AuditRow["kind"] | undefined;
  readonly callId?: string | undefined;
}

export class AuditStore {
  readonly #database: OpenDatabase;
  readonly #insert;

  constructor(database: OpenDatabase) {
    this.#database = database;
    this.#insert = database.drizzle.insert(audit).values(placeholders()).prepare();
  }

  /** All or none; with `removeThrough`, the records up to there go in the same commit. */
  append(records: readonly ChainRecord[], removeThrough?: number): void {
    this.#database.transaction(() => {
      for (const record of records) this.#insert.run({ ...record });
      if (removeThrough === undefined) return;
      this.#database.drizzle.delete(audit).where(lte(audit.seq, removeThrough)).run();
    });
  }

  head(): ChainPoint {
    const query = this.#database.drizzle
      .select({ seq: audit.seq, hash: audit.hash })
      .from(audit)
      .orderBy(desc(audit.seq))
      .limit(1);
    return this.#database.query(() => query.get()) ?? genesis;
  }

  /** The sequence of the oldest record that is left; undefined when there is none. */
  firstSeq(): number | undefined {
    const query = this.#database.drizzle.select({ seq: min(audit.seq) }).from(audit);
    return this.#database.query(() => query.get())?.seq ?? undefined;
  }

  newestCheckpoint(): AuditRow | undefined {
    const query = this.#database.drizzle
      .select()
      .from(audit)
      .where(eq(audit.kind, "checkpoint"))
      .orderBy(desc(audit.seq))
      .limit(1);
    return this.#database.query(() => query.get());
  }

  at(seq: number): AuditRow | undefined {
    const query = this.#database.drizzle.select().from(audit).where(eq(audit.seq, seq));
    return this.#database.query(() => query.get());
  }

  /** Matching records with `afterSeq < seq <= throughSeq`, oldest first, at most a page of sequence numbers. */
  after(afterSeq: number, throughSeq: number, filter: AuditFilter = {}): readonly AuditRow[] {
    const end = Math.min(throughSeq, afterSeq + limits.auditPageRecords);
    const where = and(gt(audit.seq, afterSeq), lte(audit.seq, end), ...conditions(filter));
    const query = this.#database.drizzle.select().from(audit).where(where).orderBy(asc(audit.seq));
    return this.#database.query(() => query.all());
  }

  /** Matching records of the page of sequence numbers that ends at `throughSeq`, newest first. */
  before(throughSeq: number, filter: AuditFilter): readonly AuditRow[] {
    const range = between(audit.seq, throughSeq - limits.auditPageRecords + 1, throughSeq);
    const query = this.#database.drizzle
      .select()
      .from(audit)
      .where(and(range, ...conditions(filter)))
      .orderBy(desc(audit.seq));
    return this.#database.query(() => query.all());
  }

  close(): void {
    this.#database.close();
  }
}

function placeholders() {
  const seq = sql.placeholder("seq");
  const p = (name: keyof ChainRecord) => sql.placeholder(name);
  return {
    seq,
    atMs: p("atMs"),
    kind: p("kind"),
    callId: p("callId"),
    callerKind: p("callerKind"),
    callerId: p("callerId"),
    callerName: p("callerName"),
    surface: p("surface"),
    operation: p("operation"),
    effect: p("effect"),
    inputDigest: p("inputDigest"),
    code: p("code"),
    durationMs: p("durationMs"),
    note: p("note"),
    hash: p("hash"),
  };
}

function conditions(filter: AuditFilter): (SQL | undefined)[] {
  const { sinceMs, untilMs, caller, operation, code, kind, callId } = filter;
  return [
    sinceMs === undefined ? undefined : gte(audit.atMs, sinceMs),
    untilMs === undefined ? undefined : lte(audit.atMs, untilMs),
    caller === undefined ? undefined : or(eq(audit.callerId, caller), eq(audit.callerName, caller)),
    operation === undefined ? undefined : eq(audit.operation, operation),
    code === undefined ? undefined : eq(audit.code, code),
    kind === undefined ? undefined : eq(audit.kind, kind),
    callId === undefined ? undefined : eq(audit.callId, callId),
  ];
}
