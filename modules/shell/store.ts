/** The table of shell and the file that holds it. */
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { type OpenDatabase, openDatabase } from "../../src/platform/sqlite.ts";
import { migrations } from "./migrations.ts";

export const sessions = sqliteTable("sessions", {
  id: text().primaryKey(),
  name: text(),
  creatorKind: text("creator_kind", { enum: ["owner", "token", "node", "agent"] }).notNull(),
  creatorId: text("creator_id").notNull(),
  creatorName: text("creator_name").notNull(),
  /** JSON */
  argv: text().notNull(),
  /** JSON: the rights that it was started with; no value of a variable. */
  requests: text().notNull(),
  profile: text().notNull(),
  terminal: integer({ mode: "boolean" }).notNull(),
  outputBytesMax: integer("output_bytes_max").notNull(),
  startedAtMs: integer("started_at_ms").notNull(),
  endedAtMs: integer("ended_at_ms"),
  /** JSON */
  exit: text(),
  /** Both told at the end; of a session that was lost they are measured. */
  outputEnd: integer("output_end"),
  outputBytes: integer("output_bytes"),
});

export function openSessions(path: string): OpenDatabase {
  return openDatabase({ path, migrations, synchronous: "normal" });
}
