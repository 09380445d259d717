import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore } from "../../tests/networking/memory-store.ts";
import { meshKey, signerOf } from "../../tests/networking/roster-node.ts";
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from "../../tests/platform/drizzle-kit.ts";
import { signFacts } from "./facts.ts";
import { migrations } from "./migrations.ts";
import { type RosterEntry, signEntry } from "./roster-entry.ts";
import type { LedgerStore } from "./roster-ledger.ts";
import { RosterStore } from "./roster-store.ts";
import * as tables from "./store.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup();
});

function newFile(): string {
  const directory = mkdtempSync(join(tmpdir(), "operone-networking-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "networking.db");
}

function openStore(path: string): RosterStore {
  const database = tables.openNetworking(path);
  cleanups.push(() => database.close());
  return new RosterStore(database);
}

const [a, b] = [await signerOf(1), await signerOf(2)];
const mesh = meshKey.peerId;

async function entriesOf(count: number) {
  const entries: RosterEntry[] = [];
  for (let sequence = 1; sequence <= count; sequence++) {
    const previous: string | null = entries.at(-1)?.hash ?? null;
    const payload = { mesh, issuer: a.peerId, sequence, previous, subject: b.peerId, supersedes: [] };
    entries.push(await signEntry({ ...payload, role: "operator" }, a));
  }
  return entries;
}

const factsOf = (sequence: number, name: string) =>
  signFacts(
    {
      mesh,
      peer: a.peerId,
      sequence,
      name,
      version: "1",
      os: "linux",
      cpu: "x64",
      addresses: [],
      labels: {},
    },
    a,
  );

const bodies: readonly (readonly [name: string, make: () => LedgerStore])[] = [
  ["the file", () => openStore(newFile())],
  ["the memory of simulations", () => new MemoryStore()],
];

for (const [name, make] of bodies) {
  test(`${name} gives entries back as they came, each once, and those of one mesh alone`, async () => {
    const store = make();
    const [first, second, third] = await entriesOf(3);
    if (first === undefined || second === undefined || third === undefined)
      throw new Error("three were made");
    store.putEntries([third, first]);
    store.putEntries([first, second, third]);
    expect(store.entries(mesh)).toEqual([third, first, second]);
    expect(store.entries(a.peerId)).toEqual([]);
  });

  test(`${name} keeps the newest facts that it was given, until they are dropped`, async () => {
    const store = make();
    const [old, fresh] = [await factsOf(1, "old"), await factsOf(2, "fresh")];
    store.putFacts([old]);
    store.putFacts([fresh]);
    expect(store.facts(mesh)).toEqual([fresh]);
    expect(store.facts(a.peerId)).toEqual([]);
    store.dropFacts([a.peerId]);
    expect(store.facts(mesh)).toEqual([]);
  });
}

test("what was put is there when the file is opened anew, and gone when the node leaves its mesh", async () => {
  const path = newFile();
  const entries = await entriesOf(2);
  openStore(path).putEntries(entries);
  const again = openStore(path);
  expect(again.entries(mesh)).toEqual(entries);
  again.clear();
  expect([again.entries(mesh), again.facts(mesh)]).toEqual([[], []]);
});

test("what was put survives a power cut: it is on the disk when the call returns", () => {
  const database = tables.openNetworking(newFile());
  cleanups.push(() => database.close());
  const rows = database.query(() => database.drizzle.all("pragma synchronous"));
  // 2 is FULL (sqlite.org/pragma.html#pragma_synchronous).
  expect(JSON.stringify(rows)).toContain("2");
});

test("the migrations lead to the very tables that the queries are written against", async () => {
  const wanted = new Database(":memory:");
  const statements = await generateSQLiteMigration(
    await generateSQLiteDrizzleJson({}),
    await generateSQLiteDrizzleJson(tables),
  );
  for (const statement of statements) wanted.run(statement);
  const real = new Database(":memory:");
  for (const { sql } of migrations) real.run(sql);
  expect(shapeOf(real)).toEqual(shapeOf(wanted));
});

/** Tables, columns and indexes, without the text that they were written in. */
function shapeOf(database: Database): unknown {
  const all = (sql: string) => database.query<Record<string, unknown>, []>(sql).all();
  const names = all("select name from sqlite_master where type = 'table' order by name").map(({ name }) =>
    String(name),
  );
  return names.map((name) => ({
    name,
    columns: all(`pragma table_info('${name}')`),
    indexes: all(`pragma index_list('${name}')`)
      .map(({ name: index, unique, partial }) => ({
        index,
        unique,
        partial,
        of: all(`pragma index_info('${index}')`),
      }))
      .toSorted((x, y) => String(x.index).localeCompare(String(y.index))),
  }));
}
