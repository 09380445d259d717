import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from "../../tests/platform/drizzle-kit.ts";
import { migrations } from "./migrations.ts";
import { MountStore, mounts } from "./store.ts";

/** Every table with its columns and keys, as SQLite understands them. */
function shapeOf(client: Database): readonly unknown[] {
  const all = (sql: string) => client.query<Record<string, unknown>, []>(sql).all();
  return all("select name from sqlite_master where type = 'table' order by name").map(({ name }) => ({
    name,
    columns: all(`pragma table_info(${name})`),
    indexes: all(`pragma index_list(${name})`).map(({ name: index, unique }) => [index, unique]),
  }));
}

test("the migrations lead to the very tables that the queries are written against", async () => {
  const wanted = new Database(":memory:");
  const empty = await generateSQLiteDrizzleJson({});
  const full = await generateSQLiteDrizzleJson({ mounts });
  for (const statement of await generateSQLiteMigration(empty, full)) wanted.run(statement);
  const real = new Database(":memory:");
  for (const { sql } of migrations) real.run(sql);
  expect(shapeOf(real)).toEqual(shapeOf(wanted));
  expect(shapeOf(real)).toHaveLength(1);
});

/** As it was released; what it says never changes. */
const firstRelease = `
create table mounts (
  name text primary key not null,
  kind text not null,
  settings text not null,
  read_only integer not null,
  created_at_ms integer not null
) strict;
insert into mounts values ('docs', 'local', '{"path":"/srv/docs"}', 1, 1700000000000);
pragma user_version = 1;
`;

test("what an earlier operone kept is there, and a newer one's file is refused and left as it is", () => {
  const directory = mkdtempSync(join(tmpdir(), "operone-fs-store-"));
  const path = join(directory, "fs.db");
  const client = new Database(path, { create: true });
  client.run(firstRelease);
  client.close();
  const store = new MountStore(path);
  expect(store.all()).toEqual([
    {
      name: "docs",
      kind: "local",
      settings: '{"path":"/srv/docs"}',
      readOnly: true,
      createdAtMs: 1_700_000_000_000,
    },
  ]);
  store.close();
  const newer = new Database(path);
  newer.run(`pragma user_version = ${migrations.length + 1}`);
  newer.close();
  expect(() => new MountStore(path)).toThrow(/a newer one wrote it/);
  rmSync(directory, { recursive: true });
});
