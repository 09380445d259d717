import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from "../../tests/platform/drizzle-kit.ts";
import { migrations } from "./migrations.ts";
import * as tables from "./store.ts";

/** Every table with its columns, keys and indexes, as SQLite understands them. */
function shapeOf(client: Database): unknown {
  const all = (sql: string) => client.query<Record<string, unknown>, []>(sql).all();
  const names = all("select name from sqlite_master where type = 'table' order by name").map(
    ({ name }) => name,
  );
  return names.map((name) => ({
    name,
    columns: all(`pragma table_info(${name})`),
    foreign: all(`pragma foreign_key_list(${name})`),
    indexes: all(`pragma index_list(${name})`)
      .map(({ name: index, unique, partial }) => ({
        index,
        unique,
        partial,
        of: all(`pragma index_info('${index}')`),
      }))
      .toSorted((a, b) => String(a.index).localeCompare(String(b.index))),
  }));
}

test("the migrations lead to the very tables that the queries are written against", async () => {
  const wanted = new Database(":memory:");
  const empty = await generateSQLiteDrizzleJson({});
  const full = await generateSQLiteDrizzleJson(tables);
  for (const statement of await generateSQLiteMigration(empty, full)) wanted.run(statement);
  const real = new Database(":memory:");
  for (const { sql } of migrations) real.run(sql);
  expect(shapeOf(real)).toEqual(shapeOf(wanted));
  expect((shapeOf(real) as unknown[]).length).toBe(6);
});

test("a directory of a newer operone is refused, and left as it is", () => {
  const directory = mkdtempSync(join(tmpdir(), "operone-networking-"));
  const path = join(directory, "networking.db");
  tables.openNetworking(path).close();
  const client = new Database(path);
  client.run(`pragma user_version = ${migrations.length + 1}`);
  client.close();
  expect(() => tables.openNetworking(path)).toThrow(/a newer one wrote it/);
  rmSync(directory, { recursive: true, force: true });
});
