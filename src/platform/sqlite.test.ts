import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { OperoneError } from "../kernel/error.ts";
import { type Migration, openDatabase } from "./sqlite.ts";

const first: Migration = {
  name: "0001 notes",
  sql: "create table notes (id integer primary key, body text) strict",
};
const second: Migration = {
  name: "0002 tags",
  sql: "create table tags (note integer references notes(id)); insert into notes values (7, 'moved')",
};
const notes = sqliteTable("notes", { id: integer().primaryKey(), body: text() });

/** There a mode shows no rights of others. */
const windows = process.platform === "win32";
let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "operone-sqlite-"));
  path = join(directory, "module", "module.db");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(migrations: readonly Migration[] = [first]) {
  return openDatabase({ path, migrations, synchronous: "full" });
}

function refusal(run: () => unknown): OperoneError {
  try {
    run();
  } catch (error) {
    if (error instanceof OperoneError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("a new file gets the schema and keeps its rows", () => {
  const opened = open();
  opened.drizzle.insert(notes).values({ id: 1, body: "kept" }).run();
  opened.close();
  const again = open();
  expect(again.drizzle.select().from(notes).all()).toEqual([{ id: 1, body: "kept" }]);
  again.close();
});

test("an older file takes only the steps that it lacks", () => {
  open().close();
  const opened = open([first, second]);
  expect(opened.drizzle.select().from(notes).all()).toEqual([{ id: 7, body: "moved" }]);
  opened.close();
  open([first, second]).close();
});

test("a file of a newer operone is refused with both versions and what to do", () => {
  open([first, second]).close();
  const before = readFileSync(path);
  const error = refusal(() => open());
  expect(error.code).toBe("unsupported");
  expect(error.message).toMatch(/version 2.*up to 1.*newer.*restore a backup/);
  expect(readFileSync(path)).toEqual(before);
});

test("a step that fails leaves the file as it was before the step", () => {
  open().close();
  const broken = { name: "0002 broken", sql: "create table half (a); insert into nowhere values (1)" };
  expect(refusal(() => open([first, broken])).message).toContain('"0002 broken"');
  const opened = open([first, second]);
  expect(opened.drizzle.select().from(notes).all()).toHaveLength(1);
  opened.close();
});

test("only the owner can read the file and what lies beside it", () => {
  const opened = open();
  opened.drizzle.insert(notes).values({ id: 1, body: "x" }).run();
  for (const name of [path, `${path}-wal`, `${path}-shm`]) {
    expect([name, statSync(name).mode & 0o777]).toEqual([name, windows ? 0o666 : 0o600]);
  }
  opened.close();
  expect(statSync(join(directory, "module")).mode & 0o777).toBe(windows ? 0o777 : 0o700);
});

test("closing folds the write-ahead log into the file", () => {
  const opened = open();
  opened.drizzle
    .insert(notes)
    .values({ id: 1, body: "x".repeat(100_000) })
    .run();
  opened.close();
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  expect(log?.size ?? 0).toBe(0);
  const plain = new Database(path, { readonly: true });
  expect(plain.query("select length(body) as n from notes").get()).toEqual({ n: 100_000 });
  plain.close();
});

test("a transaction that throws writes nothing", () => {
  const opened = open();
  const fail = () =>
    opened.transaction(() => {
      opened.drizzle.insert(notes).values({ id: 1, body: "x" }).run();
      throw new RangeError("stop");
    });
  expect(fail).toThrow(RangeError);
  expect(opened.drizzle.select().from(notes).all()).toEqual([]);
  opened.close();
});

test("foreign keys hold", () => {
  const opened = open([first, second]);
  const insert = () => opened.transaction(() => opened.drizzle.run("insert into tags values (99)"));
  expect(refusal(insert).message).toMatch(/FOREIGN KEY/);
  opened.close();
});

test("an error quotes no bound value", () => {
  const opened = open();
  const insert = opened.drizzle.insert(notes).values({ id: 1, body: "confidential" });
  insert.run();
  const error = refusal(() => opened.query(() => insert.run()));
  expect(error.message).toMatch(/UNIQUE/);
  expect(Bun.inspect(error)).not.toContain("confidential");
  opened.close();
});

test("what is no database is refused and left alone", () => {
  open().close();
  writeFileSync(path, "this is a text file, and not a short one either");
  const error = refusal(() => open());
  expect(error.code).toBe("unavailable");
  expect(error.message).toMatch(/no SQLite database.*backup/);
  expect(readFileSync(path, "utf8")).toContain("text file");
});

test("damage inside the file is found", () => {
  const opened = open();
  opened.drizzle
    .insert(notes)
    .values({ id: 1, body: "x".repeat(50_000) })
    .run();
  expect(opened.problems()).toEqual([]);
  opened.close();
  const bytes = readFileSync(path);
  bytes.fill(0xff, 4096, 8192);
  writeFileSync(path, bytes);
  const damaged = open();
  expect(damaged.problems().length).toBeGreaterThan(0);
  damaged.close();
});
