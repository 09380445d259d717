/** Sealed secrets on disk, and where their key is. Nothing in here can open one. */
import { count, eq } from "drizzle-orm";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import { secretKey, secrets } from "./store.ts";

export type SecretRow = typeof secrets.$inferSelect;
/** `fingerprint` tells a wrong key from a right one without being of use to guess it. */
export type KeyRecord = Omit<typeof secretKey.$inferSelect, "id">;

export class SecretStore {
  readonly #database: OpenDatabase;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  names(): readonly Omit<SecretRow, "nonce" | "sealed">[] {
    const { name, createdAtMs, updatedAtMs } = secrets;
    const query = this.#database.drizzle
      .select({ name, createdAtMs, updatedAtMs })
      .from(secrets)
      .orderBy(secrets.name);
    return this.#database.query(() => query.all());
  }

  count(): number {
    const query = this.#database.drizzle.select({ count: count() }).from(secrets);
    return this.#database.query(() => query.get())?.count ?? 0;
  }

  byName(name: string): SecretRow | undefined {
    const query = this.#database.drizzle.select().from(secrets).where(eq(secrets.name, name));
    return this.#database.query(() => query.get());
  }

  put(row: SecretRow): void {
    const { nonce, sealed, updatedAtMs } = row;
    const query = this.#database.drizzle
      .insert(secrets)
      .values(row)
      .onConflictDoUpdate({ target: secrets.name, set: { nonce, sealed, updatedAtMs } });
    this.#database.transaction(() => query.run());
  }

  /** False when there was none. */
  remove(name: string): boolean {
    const query = this.#database.drizzle
      .delete(secrets)
      .where(eq(secrets.name, name))
      .returning({ name: secrets.name });
    return this.#database.transaction(() => query.all().length === 1);
  }

  key(): KeyRecord | undefined {
    const query = this.#database.drizzle.select().from(secretKey).where(eq(secretKey.id, 1));
    return this.#database.query(() => query.get());
  }

  putKey(key: KeyRecord): void {
    const query = this.#database.drizzle
      .insert(secretKey)
      .values({ id: 1, ...key })
      .onConflictDoUpdate({ target: secretKey.id, set: key });
    this.#database.transaction(() => query.run());
  }
}
