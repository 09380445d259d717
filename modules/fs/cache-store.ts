/**
 * What the cache of far files knows: which pieces a version of a file consists of. The pieces themselves are files beside
 * this one (cache/piece-files.ts). All of it can be fetched again, so a damaged file is thrown away.
 */
import { and, asc, eq, inArray, notInArray, sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { type OpenDatabase, openDatabase } from "../../src/platform/sqlite.ts";

/** Content by its hash. */
const pieces = sqliteTable(
  "pieces",
  {
    /** SHA-256, hex, of the bytes before they were compressed. */
    hash: text().primaryKey(),
    /** On the disk. */
    storedBytes: integer("stored_bytes").notNull(),
    /** Counts up with each use, so that no clock is asked. */
    used: integer().notNull(),
  },
  (table) => [index("pieces_used").on(table.used)],
);

/** Where content was seen. */
const places = sqliteTable(
  "places",
  {
    source: text().notNull(),
    /** Of a version of a file: its path and etag, hashed. */
    version: text().notNull(),
    at: integer().notNull(),
    hash: text()
      .notNull()
      .references(() => pieces.hash, { onDelete: "cascade" }),
  },
  (table) => [
    primaryKey({ columns: [table.source, table.version, table.at] }),
    index("places_hash").on(table.hash),
  ],
);

const migrations = [
  {
    name: "0001 pieces and places",
    sql: `
create table pieces (
  hash text primary key not null,
  stored_bytes integer not null,
  used integer not null
) strict;
create index pieces_used on pieces (used);
create table places (
  source text not null,
  version text not null,
  at integer not null,
  hash text not null references pieces (hash) on delete cascade,
  primary key (source, version, at)
) strict, without rowid;
create index places_hash on places (hash);
`,
  },
];

export interface PieceAt {
  readonly source: string;
  readonly version: string;
  readonly at: number;
}

/** How many pieces are looked at when room has to be made. */
const evictedMax = 256;

export class CacheStore {
  readonly #database: OpenDatabase;
  #used: number;
  #storedBytes: number;

  /** @throws OperoneError `unavailable` when the file is damaged */
  constructor(path: string) {
    this.#database = openDatabase({ path, migrations, synchronous: "normal" });
    const facts = {
      used: sql<number>`coalesce(max(used), 0)`,
      bytes: sql<number>`coalesce(sum(stored_bytes), 0)`,
    };
    const query = this.#database.drizzle.select(facts).from(pieces);
    const row = this.#database.query(() => query.get());
    this.#used = row?.used ?? 0;
    this.#storedBytes = row?.bytes ?? 0;
  }

  /** On the disk, of all pieces. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  get pieceCount(): number {
    const query = this.#database.drizzle.select({ count: sql<number>`count(*)` }).from(pieces);
    return this.#database.query(() => query.get())?.count ?? 0;
  }

  /** The hash of what is there. */
  find(place: PieceAt): string | undefined {
    const query = this.#database.drizzle.select({ hash: places.hash }).from(places).where(isPlace(place));
    return this.#database.query(() => query.get())?.hash;
  }

  /** It goes after all that are there. */
  touch(hash: string): void {
    this.#used += 1;
    const query = this.#database.drizzle
      .update(pieces)
      .set({ used: this.#used })
      .where(eq(pieces.hash, hash));
    this.#database.query(() => query.run());
  }

  /** Of a piece on the disk; undefined when there is none. */
  sizeOf(hash: string): number | undefined {
    const query = this.#database.drizzle.select().from(pieces).where(eq(pieces.hash, hash));
    return this.#database.query(() => query.get())?.storedBytes;
  }

  put(place: PieceAt, hash: string, storedBytes: number): void {
    this.#used += 1;
    const row = { hash, storedBytes, used: this.#used };
    this.#database.transaction(() => {
      const { drizzle } = this.#database;
      const added = drizzle
        .insert(pieces)
        .values(row)
        .onConflictDoNothing()
        .returning({ hash: pieces.hash })
        .all();
      if (added.length > 0) this.#storedBytes += storedBytes;
      const target = [places.source, places.version, places.at];
      drizzle
        .insert(places)
        .values({ ...place, hash })
        .onConflictDoUpdate({ target, set: { hash } })
        .run();
    });
  }

  /** Forgets a piece wherever it was. */
  remove(hash: string): void {
    const query = this.#database.drizzle.delete(pieces).where(eq(pieces.hash, hash));
    const gone = this.#database.query(() => query.returning({ bytes: pieces.storedBytes }).all());
    for (const { bytes } of gone) this.#storedBytes -= bytes;
  }

  /** Forgets those not used for longest until `bytesMax` holds. Gives their hashes. */
  evict(bytesMax: number): readonly string[] {
    const gone: string[] = [];
    while (this.#storedBytes > bytesMax) {
      const query = this.#database.drizzle.select().from(pieces).orderBy(asc(pieces.used)).limit(evictedMax);
      const oldest = this.#database.query(() => query.all());
      if (oldest.length === 0) break;
      this.#database.transaction(() => {
        for (const { hash } of oldest) {
          if (this.#storedBytes <= bytesMax) break;
          this.remove(hash);
          gone.push(hash);
        }
      });
    }
    return gone;
  }

  /** Forgets what came from a source. Gives the hashes that nothing else holds. */
  forget(source: string): readonly string[] {
    const { drizzle } = this.#database;
    return this.#database.transaction(() => {
      const held = drizzle.select({ hash: places.hash }).from(places).where(eq(places.source, source));
      const mine = held.all().map(({ hash }) => hash);
      drizzle.delete(places).where(eq(places.source, source)).run();
      const still = drizzle.select({ hash: places.hash }).from(places);
      const gone: string[] = [];
      for (let at = 0; at < mine.length; at += evictedMax) {
        const some = inArray(pieces.hash, mine.slice(at, at + evictedMax));
        const removed = drizzle
          .delete(pieces)
          .where(and(some, notInArray(pieces.hash, still)))
          .returning()
          .all();
        for (const { hash, storedBytes } of removed) {
          this.#storedBytes -= storedBytes;
          gone.push(hash);
        }
      }
      return gone;
    });
  }

  close(): void {
    this.#database.close();
  }
}

function isPlace({ source, version, at }: PieceAt) {
  return and(eq(places.source, source), eq(places.version, version), eq(places.at, at));
}
