/** The tables of networking and the file that holds them. The queries are in the `*-store.ts` files beside this one. */
import { blob, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { type OpenDatabase, openDatabase } from "../../src/platform/sqlite.ts";
import { roleNames } from "../access/contract.ts";
import { migrations } from "./migrations.ts";

export const rosterEntries = sqliteTable(
  "roster_entries",
  {
    /** In the order in which they came: nobody's entry stands before the one that made its issuer an admin. */
    position: integer().primaryKey(),
    hash: text().notNull(),
    mesh: text().notNull(),
    issuer: text().notNull(),
    sequence: integer().notNull(),
    envelope: blob({ mode: "buffer" }).notNull(),
  },
  (table) => [uniqueIndex("roster_entries_hash").on(table.hash)],
);

/** The newest of each node. */
export const nodeFacts = sqliteTable("node_facts", {
  peer: text().primaryKey(),
  mesh: text().notNull(),
  sequence: integer().notNull(),
  envelope: blob({ mode: "buffer" }).notNull(),
});

export const invites = sqliteTable(
  "invites",
  {
    /** Derived from the secret, hex. */
    id: text().primaryKey(),
    /** HMAC key, derived from the secret. */
    key: blob({ mode: "buffer" }).notNull(),
    role: text({ enum: roleNames }).notNull(),
    /** A person must confirm whoever uses it. */
    confirm: integer({ mode: "boolean" }).notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
    expiresAtMs: integer("expires_at_ms").notNull(),
    failedAttempts: integer("failed_attempts").notNull(),
    /** Peer id. */
    usedBy: text("used_by"),
    usedAtMs: integer("used_at_ms"),
    confirmedAtMs: integer("confirmed_at_ms"),
    revokedAtMs: integer("revoked_at_ms"),
  },
  (table) => [index("invites_created").on(table.createdAtMs)],
);

/** One row at most. */
export const membership = sqliteTable("membership", {
  one: integer().primaryKey(),
  mesh: text().notNull(),
  joinedAtMs: integer("joined_at_ms").notNull(),
  cap: text({ enum: roleNames }).notNull(),
  /** The recovery phrase may not have reached anybody. */
  phraseUnconfirmed: integer("phrase_unconfirmed", { mode: "boolean" }).notNull().default(false),
});

/** Whose name it is: the first node that was known by it. */
export const namePins = sqliteTable("name_pins", {
  name: text().primaryKey(),
  peer: text().notNull(),
});

/** Of single nodes, before the one of all. */
export const caps = sqliteTable("caps", {
  peer: text().primaryKey(),
  role: text({ enum: roleNames }).notNull(),
});

export type { OpenDatabase };

/** What is written is on the disk when a call returns: no entry may be told to anybody before. */
export function openNetworking(path: string): OpenDatabase {
  return openDatabase({ path, migrations, synchronous: "full" });
}
