/** Whose name each name is, on the disk. */
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import { namePins } from "./store.ts";

export class NamePinStore {
  readonly #database: OpenDatabase;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  /** Peer ids by name. */
  read(): ReadonlyMap<string, string> {
    const rows = this.#database.query(() => this.#database.drizzle.select().from(namePins).all());
    return new Map(rows.map(({ name, peer }) => [name, peer]));
  }

  write(name: string, peer: string): void {
    this.#database.transaction(() =>
      this.#database.drizzle
        .insert(namePins)
        .values({ name, peer })
        .onConflictDoUpdate({ target: namePins.name, set: { peer } })
        .run(),
    );
  }
}
