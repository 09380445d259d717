/** The tables of access and the file that holds them. The queries are in the `*-store.ts` files beside this one. */
import { sql } from "drizzle-orm";
import { blob, index, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { type OpenDatabase, openDatabase } from "../../src/platform/sqlite.ts";
import { migrations } from "./migrations.ts";

export const tokens = sqliteTable(
  "tokens",
  {
    id: text().primaryKey(),
    name: text().notNull(),
    agent: integer({ mode: "boolean" }).notNull(),
    role: text(),
    /** SHA-256 of the whole token. */
    digest: blob({ mode: "buffer" }).notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
    expiresAtMs: integer("expires_at_ms"),
    endedAtMs: integer("ended_at_ms"),
    endedBy: text("ended_by", { enum: ["revoked", "expired"] }),
    /** JSON: where its role counts; null: here alone. */
    nodes: text(),
    /** False: an agent without a token. Nobody knows what its digest is of. */
    bearer: integer({ mode: "boolean" }).notNull().default(true),
    lastUsedAtMs: integer("last_used_at_ms"),
  },
  (table) => [uniqueIndex("tokens_live_name").on(table.name).where(sql`ended_at_ms is null`)],
);

export const grants = sqliteTable(
  "grants",
  {
    id: text().primaryKey(),
    tokenId: text("token_id")
      .notNull()
      .references(() => tokens.id, { onDelete: "cascade" }),
    /** How it came about: with the token, or when the owner answered an approval by a pattern. */
    origin: text({ enum: ["token", "approval"] }).notNull(),
    permission: text().notNull(),
    decision: text({ enum: ["allow", "ask", "deny"] }).notNull(),
    /** JSON */
    scope: text().notNull(),
    /** JSON */
    nodes: text(),
    expiresAtMs: integer("expires_at_ms"),
    createdAtMs: integer("created_at_ms").notNull(),
  },
  (table) => [index("grants_token").on(table.tokenId)],
);

export const approvals = sqliteTable(
  "approvals",
  {
    id: text().primaryKey(),
    callId: text("call_id").notNull(),
    callerKind: text("caller_kind", { enum: ["owner", "token", "node", "agent"] }).notNull(),
    callerId: text("caller_id").notNull(),
    callerName: text("caller_name").notNull(),
    operation: text().notNull(),
    effect: text({ enum: ["read", "write", "destroy"] }).notNull(),
    /** JSON: what only an `ask` grant covers. */
    requests: text().notNull(),
    /** JSON: exactly what will happen. */
    preview: text().notNull(),
    inputDigest: text("input_digest").notNull(),
    state: text({ enum: ["pending", "approved", "used", "denied", "expired"] }).notNull(),
    approvedFor: text("approved_for", { enum: ["once", "session", "pattern"] }),
    reason: text(),
    createdAtMs: integer("created_at_ms").notNull(),
    expiresAtMs: integer("expires_at_ms").notNull(),
    settledAtMs: integer("settled_at_ms"),
    /** Of a call of another node: all its callers have one. */
    sharedBy: text("shared_by"),
  },
  (table) => [
    index("approvals_call").on(table.callerKind, table.callerId, table.operation, table.inputDigest),
    index("approvals_state").on(table.state, table.createdAtMs),
  ],
);

export const audit = sqliteTable(
  "audit",
  {
    seq: integer().primaryKey(),
    atMs: integer("at_ms").notNull(),
    kind: text({ enum: ["intent", "outcome", "denial", "checkpoint"] }).notNull(),
    callId: text("call_id").notNull(),
    callerKind: text("caller_kind").notNull(),
    callerId: text("caller_id").notNull(),
    callerName: text("caller_name").notNull(),
    surface: text().notNull(),
    operation: text().notNull(),
    effect: text().notNull(),
    inputDigest: text("input_digest").notNull(),
    code: text().notNull(),
    durationMs: real("duration_ms").notNull(),
    /** JSON; only what no other column holds. */
    note: text(),
    /** SHA-256, hex, over the hash of the record before and everything in this one. */
    hash: text().notNull(),
  },
  (table) => [index("audit_checkpoints").on(table.seq).where(sql`kind = 'checkpoint'`)],
);

export const secrets = sqliteTable("secrets", {
  name: text().primaryKey(),
  nonce: blob({ mode: "buffer" }).notNull(),
  sealed: blob({ mode: "buffer" }).notNull(),
  createdAtMs: integer("created_at_ms").notNull(),
  updatedAtMs: integer("updated_at_ms").notNull(),
});

/** At most one row: where the key of the secrets is, never the key. */
export const secretKey = sqliteTable("secret_key", {
  id: integer().primaryKey(),
  keyId: text("key_id").notNull(),
  holder: text({ enum: ["file", "keyring"] }).notNull(),
  fingerprint: text().notNull(),
  createdAtMs: integer("created_at_ms").notNull(),
});

export interface AccessDatabases {
  /** Tokens, approvals, secrets: on the disk when a call returns. */
  readonly main: OpenDatabase;
  /** The same file for the audit, which writes far more often, and with the durability that the owner chose. */
  readonly audit: OpenDatabase;
  close(): void;
}

export function openAccess(path: string, auditSync: "normal" | "full"): AccessDatabases {
  const main = openDatabase({ path, migrations, synchronous: "full" });
  try {
    const log = openDatabase({ path, migrations, synchronous: auditSync });
    return {
      main,
      audit: log,
      close() {
        log.close();
        main.close();
      },
    };
  } catch (error) {
    main.close();
    throw error;
  }
}
