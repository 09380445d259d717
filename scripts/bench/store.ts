/** The object-relational layer against the statements that it makes. */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { compare, type Row } from "./rounds.ts";

const items = sqliteTable("items", { id: integer("id").primaryKey(), value: text("value").notNull() });

export async function store(): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "operone-bench-"));
  const database = new Database(join(folder, "bench.db"), { create: true });
  database.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE items (id INTEGER PRIMARY KEY, value TEXT NOT NULL)",
  );
  const orm = drizzle({ client: database });
  const rawPut = database.prepare("INSERT INTO items (value) VALUES (?)");
  const rawGet = database.prepare("SELECT id, value FROM items WHERE id = ?");
  const put = orm.insert(items).values({ value: "a value" }).prepare();
  const get = orm.select().from(items).where(eq(items.id, 7)).prepare();
  const each = (run: () => unknown) => async () => {
    const beganMs = performance.now();
    for (let i = 0; i < 5_000; i++) run();
    return ((performance.now() - beganMs) / 5_000) * 1_000;
  };
  const row = { unit: "us", goal: "< 2x", rounds: 11 };
  const rows = [
    await compare({
      ...row,
      what: "store put",
      subject: { name: "drizzle", run: each(() => put.run()) },
      yardstick: { name: "raw", run: each(() => rawPut.run("a value")) },
    }),
    await compare({
      ...row,
      what: "store get",
      subject: { name: "drizzle", run: each(() => get.get()) },
      yardstick: { name: "raw", run: each(() => rawGet.get(7)) },
    }),
  ];
  database.close();
  rmSync(folder, { recursive: true, force: true });
  return rows;
}
