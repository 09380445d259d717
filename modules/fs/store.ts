/** What fs keeps across restarts: which mounts there are. */
import { asc, eq } from "drizzle-orm";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { openDatabase } from "../../src/platform/sqlite.ts";
import { migrations } from "./migrations.ts";

export const mounts = sqliteTable("mounts", {
  name: text().primaryKey(),
  kind: text().notNull(),
  /** JSON, as the kind's schema has it. Secrets are in it by their names alone. */
  settings: text().notNull(),
  readOnly: integer("read_only", { mode: "boolean" }).notNull(),
  createdAtMs: integer("created_at_ms").notNull(),
});

export type MountRow = typeof mounts.$inferSelect;

/** What is written is on the disk when a call returns. */
export class MountStore {
  readonly #database;

  /** @throws OperoneError as `openDatabase` */
  constructor(path: string) {
    this.#database = openDatabase({ path, migrations, synchronous: "full" });
  }

  all(): readonly MountRow[] {
    return this.#database.query(() =>
      this.#database.drizzle.select().from(mounts).orderBy(asc(mounts.name)).all(),
    );
  }

  add(row: MountRow): void {
    this.#database.transaction(() => this.#database.drizzle.insert(mounts).values(row).run());
  }

  remove(name: string): void {
    this.#database.transaction(() =>
      this.#database.drizzle.delete(mounts).where(eq(mounts.name, name)).run(),
    );
  }

  close(): void {
    this.#database.close();
  }
}
