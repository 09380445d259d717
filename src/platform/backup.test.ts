import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { packTar, unpackTar } from "modern-tar";
import { simulatedClock } from "../kernel/simulated.ts";
import { dataBackups } from "./backup.ts";
import { manifestName, safeEntryPath } from "./backup-format.ts";
import { restoreBackup } from "./restore.ts";

const root = mkdtempSync(join(tmpdir(), "operone-backup-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
const newFolder = (): string => join(root, `data ${++folders}`);

function dataDirectory(): string {
  const directory = newFolder();
  mkdirSync(join(directory, "access"), { recursive: true });
  writeFileSync(join(directory, "owner.token"), "opo_secret");
  writeFileSync(join(directory, "lock"), "of this run");
  mkdirSync(join(directory, "shell", "sessions", "s"), { recursive: true });
  writeFileSync(join(directory, "shell", "sessions", "s", "0.out"), "grows while it is copied");
  writeFileSync(join(directory, "access", ".secrets.key.0123456789ab.tmp"), "half");
  symlinkSync("/etc/passwd", join(directory, "access", "link"));
  return directory;
}

/** A database whose rows are still in the write-ahead log, and its open connection. */
function openStore(directory: string): Database {
  const database = new Database(join(directory, "access", "access.db"), { create: true });
  database.run("PRAGMA journal_mode = WAL");
  database.run("CREATE TABLE t (value TEXT)");
  database.run("INSERT INTO t VALUES ('in the log')");
  return database;
}

const backupOf = (directory: string) =>
  dataBackups({ directory, version: "1.2.3", clock: simulatedClock(1_000) }).create();

async function bytesOf(directory: string): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(backupOf(directory).open()));
}

const restore = (bytes: Uint8Array, directory: string) =>
  restoreBackup(new Blob([new Uint8Array(bytes)]).stream(), directory);

test("what was backed up while the store was open is there after the restore, and nothing of the old run", async () => {
  const source = dataDirectory();
  using database = openStore(source);
  writeFileSync(join(source, "access", "blob"), new Uint8Array(700_000).fill(7));
  const bytes = await bytesOf(source);
  database.run("INSERT INTO t VALUES ('later')");
  const target = newFolder();
  const restored = await restore(bytes, target);
  expect(restored).toMatchObject({ version: "1.2.3", createdAtMs: 1_000, files: 3 });
  expect(readdirSync(target).sort()).toEqual(["access", "owner.token"]);
  expect(readdirSync(join(target, "access")).sort()).toEqual(["access.db", "blob"]);
  using copy = new Database(join(target, "access", "access.db"), { readonly: true });
  expect(copy.query("SELECT value FROM t").all()).toEqual([{ value: "in the log" }]);
  expect(readFileSync(join(target, "owner.token"), "utf8")).toBe("opo_secret");
  expect(statSync(join(target, "owner.token")).mode & 0o777).toBe(0o600);
  expect(statSync(target).mode & 0o777).toBe(0o700);
});

test("the copies that a backup makes are gone when it ends, and when its reader leaves", async () => {
  const source = dataDirectory();
  using _ = openStore(source);
  const before = readdirSync(join(source, "access"));
  for await (const chunk of backupOf(source).open()) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  expect(readdirSync(join(source, "access"))).toEqual(before);
  await bytesOf(source);
  expect(readdirSync(join(source, "access"))).toEqual(before);
});

test("a backup that is cut off anywhere is refused, and the folder stays as it was", async () => {
  const bytes = await bytesOf(dataDirectory());
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: bytes.length - 1_100 }), async (length) => {
      const target = newFolder();
      await expect(restore(bytes.slice(0, length), target)).rejects.toMatchObject({ code: "invalid_input" });
      expect(existsSync(target)).toBe(false);
    }),
    { numRuns: 30 },
  );
  expect(readdirSync(root).filter((name) => name.includes("restoring"))).toEqual([]);
});

async function changed(
  bytes: Uint8Array,
  change: (entries: Awaited<ReturnType<typeof unpackTar>>) => void,
): Promise<Uint8Array> {
  const entries = await unpackTar(bytes);
  change(entries);
  return packTar(entries);
}

const text = (value: string) => new TextEncoder().encode(value) as Uint8Array<ArrayBuffer>;

function replace(entry: { data?: Uint8Array<ArrayBuffer> } | undefined, value: string): void {
  if (entry !== undefined) entry.data = text(value);
}

test("a backup with a changed, added, missing, doubled or foreign entry is refused by its name", async () => {
  const bytes = await bytesOf(dataDirectory());
  const attempts: [RegExp, Parameters<typeof changed>[1]][] = [
    [/"owner.token" is not what it was/, (entries) => replace(entries[0], "opo_forged")],
    [/"owner.token" is missing/, (entries) => void entries.shift()],
    [/"owner.token" is there twice/, (entries) => entries[0] && void entries.unshift(entries[0])],
    [
      /does not name/,
      (entries) => void entries.unshift({ header: { name: "extra", size: 1 }, data: text("x") }),
    ],
    [
      /comes after the manifest/,
      (entries) => void entries.push({ header: { name: "extra", size: 1 }, data: text("x") }),
    ],
    [
      /is a symlink/,
      (entries) =>
        void entries.unshift({ header: { name: "l", size: 0, type: "symlink", linkname: "/etc" } }),
    ],
    [
      /"..\/evil"/,
      (entries) => void entries.unshift({ header: { name: "../evil", size: 1 }, data: text("x") }),
    ],
    [/"\/evil"/, (entries) => void entries.unshift({ header: { name: "/evil", size: 1 }, data: text("x") })],
    [/manifest does not fit/, (entries) => replace(entries[1], "{}")],
  ];
  for (const [message, change] of attempts) {
    const entries = await unpackTar(bytes);
    expect(entries.at(-1)?.header.name).toBe(manifestName);
    const forged = await changed(bytes, (all) => {
      change(all);
      for (const entry of all) if (entry.data !== undefined) entry.header.size = entry.data.length;
    });
    const target = newFolder();
    await expect(restore(forged, target)).rejects.toThrow(message);
    expect(existsSync(target)).toBe(false);
  }
  expect(existsSync(join(root, "evil"))).toBe(false);
});

test("a folder that holds something is not touched, and an empty one is used", async () => {
  const bytes = await bytesOf(dataDirectory());
  const full = newFolder();
  mkdirSync(full);
  writeFileSync(join(full, "mine"), "x");
  await expect(restore(bytes, full)).rejects.toThrow(/holds "mine"/);
  expect(readdirSync(full)).toEqual(["mine"]);
  const empty = newFolder();
  mkdirSync(empty);
  await restore(bytes, empty);
  expect(readdirSync(empty)).toContain("owner.token");
});

test("no path that leaves its folder is safe", () => {
  for (const path of [
    "",
    "/a",
    "a/",
    "..",
    "a/../b",
    "./a",
    "a//b",
    "a\\b",
    "c:a",
    "a\0",
    `${"a/".repeat(20)}b`,
  ]) {
    expect(() => safeEntryPath(path)).toThrow(/nothing was restored/);
  }
  expect(safeEntryPath("access/access.db")).toBe("access/access.db");
});
