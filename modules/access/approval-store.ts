/** Approvals on disk, so that an answer that was acknowledged holds across a crash. */
import { and, count, desc, eq, gt, inArray, lte, ne, or, type SQL } from "drizzle-orm";
import type { Caller, ScopeRequest } from "../../src/kernel/authority.ts";
import type { ApprovalRequest } from "../../src/kernel/ports.ts";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import { limits } from "./limits.ts";
import { approvals } from "./store.ts";

type Row = typeof approvals.$inferSelect;
export type ApprovalState = Row["state"];
export type ApprovedFor = NonNullable<Row["approvedFor"]>;

export interface Approval {
  readonly id: string;
  readonly request: ApprovalRequest;
  readonly state: ApprovalState;
  readonly approvedFor?: ApprovedFor;
  readonly reason?: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly settledAtMs?: number;
}

/** What an approval is bound to. */
export type ApprovalKey = Pick<ApprovalRequest, "caller" | "operation" | "inputDigest">;

export interface Settlement {
  readonly state: "approved" | "denied" | "expired";
  readonly approvedFor?: ApprovedFor;
  readonly reason?: string | undefined;
  readonly expiresAtMs?: number;
  readonly nowMs: number;
}

/** SQLite takes an offset only behind a limit. */
const everyOther = Number.MAX_SAFE_INTEGER;

export class ApprovalStore {
  readonly #database: OpenDatabase;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  insert({ id, request, createdAtMs, expiresAtMs }: Approval): void {
    const { caller } = request;
    const row: Row = {
      id,
      callId: request.callId,
      callerKind: caller.kind,
      callerId: caller.id,
      callerName: caller.name,
      operation: request.operation,
      effect: request.effect,
      requests: JSON.stringify(request.requests),
      preview: JSON.stringify(request.preview) ?? "null",
      inputDigest: request.inputDigest,
      state: "pending",
      approvedFor: null,
      reason: null,
      createdAtMs,
      expiresAtMs,
      settledAtMs: null,
      sharedBy: request.sharedBy ?? null,
    };
    this.#database.transaction(() => this.#database.drizzle.insert(approvals).values(row).run());
  }

  byId(id: string): Approval | undefined {
    return this.#first(eq(approvals.id, id));
  }

  /** Newest first. */
  list(pendingOnly: boolean): readonly Approval[] {
    return this.#all(pendingOnly ? eq(approvals.state, "pending") : undefined);
  }

  pendingOf(caller: Caller): readonly Approval[] {
    return this.#all(and(eq(approvals.state, "pending"), ofCaller(caller)));
  }

  pending(key: ApprovalKey): Approval | undefined {
    return this.#first(and(eq(approvals.state, "pending"), ofCall(key)));
  }

  pendingCount(caller?: Caller): number {
    const where = and(eq(approvals.state, "pending"), caller === undefined ? undefined : ofCaller(caller));
    const query = this.#database.drizzle.select({ count: count() }).from(approvals).where(where);
    return this.#database.query(() => query.get())?.count ?? 0;
  }

  /** Of all callers of one other node. */
  pendingCountSharedBy(sharedBy: string): number {
    const where = and(eq(approvals.state, "pending"), eq(approvals.sharedBy, sharedBy));
    const query = this.#database.drizzle.select({ count: count() }).from(approvals).where(where);
    return this.#database.query(() => query.get())?.count ?? 0;
  }

  /** The newest denial of the very same call since `sinceMs`. */
  deniedSince(key: ApprovalKey, sinceMs: number): Approval | undefined {
    const denied = and(eq(approvals.state, "denied"), gt(approvals.settledAtMs, sinceMs));
    return this.#first(and(denied, ofCall(key)));
  }

  /** Takes an `once` approval of the very same call off the shelf. True for exactly one taker, even across a crash. */
  take(key: ApprovalKey, nowMs: number): boolean {
    const unused = and(eq(approvals.state, "approved"), eq(approvals.approvedFor, "once"));
    return this.#database.transaction(() => {
      const found = this.#first(and(unused, gt(approvals.expiresAtMs, nowMs), ofCall(key)));
      if (found === undefined) return false;
      const query = this.#database.drizzle
        .update(approvals)
        .set({ state: "used", settledAtMs: nowMs })
        .where(and(eq(approvals.id, found.id), eq(approvals.state, "approved")))
        .returning({ id: approvals.id });
      return query.all().length === 1;
    });
  }

  /** False when the approval is no longer in one of the states `from`. */
  settle(id: string, from: readonly ApprovalState[], settlement: Settlement): boolean {
    const { state, approvedFor, reason, expiresAtMs, nowMs } = settlement;
    const query = this.#database.drizzle
      .update(approvals)
      .set({
        state,
        approvedFor: approvedFor ?? null,
        reason: reason ?? null,
        settledAtMs: nowMs,
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      })
      .where(and(eq(approvals.id, id), inArray(approvals.state, [...from])))
      .returning({ id: approvals.id });
    return this.#database.transaction(() => query.all().length === 1);
  }

  /** Pending ones whose time is over; the unused `once` approvals among the rest expire without a word. */
  overdue(nowMs: number): readonly Approval[] {
    return this.#all(and(eq(approvals.state, "pending"), lte(approvals.expiresAtMs, nowMs)));
  }

  /** A session lasts until the node stops, so none is left when it starts. */
  endSessions(nowMs: number): void {
    const sessions = and(eq(approvals.state, "approved"), eq(approvals.approvedFor, "session"));
    const query = this.#database.drizzle
      .update(approvals)
      .set({ state: "expired", expiresAtMs: nowMs })
      .where(sessions);
    this.#database.transaction(() => query.run());
  }

  expireUnused(nowMs: number): void {
    const unused = and(eq(approvals.state, "approved"), eq(approvals.approvedFor, "once"));
    const query = this.#database.drizzle
      .update(approvals)
      .set({ state: "expired" })
      .where(and(unused, lte(approvals.expiresAtMs, nowMs)));
    this.#database.transaction(() => query.run());
  }

  /** Forgets the oldest settled ones beyond the limit; `once` approvals that may still be used stay. */
  prune(): void {
    const { drizzle } = this.#database;
    const over = inArray(approvals.state, ["used", "denied", "expired"]);
    const closed = or(over, and(eq(approvals.state, "approved"), ne(approvals.approvedFor, "once")));
    const surplus = drizzle
      .select({ id: approvals.id })
      .from(approvals)
      .where(closed)
      .orderBy(desc(approvals.createdAtMs), approvals.id)
      .limit(everyOther)
      .offset(limits.approvalsClosedMax);
    this.#database.transaction(() => drizzle.delete(approvals).where(inArray(approvals.id, surplus)).run());
  }

  #all(where: SQL | undefined): readonly Approval[] {
    const query = this.#database.drizzle
      .select()
      .from(approvals)
      .where(where)
      .orderBy(desc(approvals.createdAtMs), approvals.id);
    return this.#database.query(() => query.all()).map(approvalFromRow);
  }

  #first(where: SQL | undefined): Approval | undefined {
    const query = this.#database.drizzle
      .select()
      .from(approvals)
      .where(where)
      .orderBy(desc(approvals.createdAtMs), approvals.id)
      .limit(1);
    const row = this.#database.query(() => query.get());
    return row === undefined ? undefined : approvalFromRow(row);
  }
}

function ofCaller({ kind, id }: Caller): SQL | undefined {
  return and(eq(approvals.callerKind, kind), eq(approvals.callerId, id));
}

function ofCall({ caller, operation, inputDigest }: ApprovalKey): SQL | undefined {
  return and(ofCaller(caller), eq(approvals.operation, operation), eq(approvals.inputDigest, inputDigest));
}

function approvalFromRow(row: Row): Approval {
  const { id, state, createdAtMs, expiresAtMs } = row;
  return {
    id,
    state,
    createdAtMs,
    expiresAtMs,
    ...(row.approvedFor === null ? {} : { approvedFor: row.approvedFor }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.settledAtMs === null ? {} : { settledAtMs: row.settledAtMs }),
    request: {
      callId: row.callId,
      caller: { kind: row.callerKind, id: row.callerId, name: row.callerName },
      ...(row.sharedBy === null ? {} : { sharedBy: row.sharedBy }),
      operation: row.operation,
      effect: row.effect,
      requests: JSON.parse(row.requests) as readonly ScopeRequest[],
      preview: JSON.parse(row.preview),
      inputDigest: row.inputDigest,
    },
  };
}
