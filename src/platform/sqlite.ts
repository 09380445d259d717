/**
 * One SQLite file of a module, opened the same way everywhere: write-ahead log, foreign keys, readable by the owner
 * alone, its schema brought up to date by the migrations that are embedded in the binary.
 *
 * Loads bun:sqlite and drizzle, so it is imported lazily: `await import("./store.ts")` inside `start()`.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import { OperoneError } from "../kernel/error.ts";

/** One step forward. Released steps never change: a database that took one has its result. */
export interface Migration {
  /** For messages and logs: `0001 tokens`. */
  readonly name: string;
  /** Statements, run in one transaction. */
  readonly sql: string;
}

export interface OpenOptions {
  readonly path: string;
  /** All that ever were, oldest first. The schema version is their number. */
  readonly migrations: readonly Migration[];
  /**
   * `full`: a commit is on the disk when it returns, and survives a power cut. `normal`: it survives `kill -9` of the
   * process, but the last commits before a power cut may be missing (never torn, never reordered).
   */
  readonly synchronous: "normal" | "full";
}

export interface OpenDatabase {
  readonly drizzle: BunSQLiteDatabase;
  /** Runs `work` in one transaction that takes the write lock at its beginning; a throw rolls it back. */
  transaction<T>(work: () => T): T;
  /** Runs a query, so that SQLite's own errors come out as an OperoneError that quotes no values. */
  query<T>(work: () => T): T;
  /** What SQLite finds wrong with the file; empty when nothing is. Reads the whole file. */
  problems(): readonly string[];
  /** Folds the write-ahead log into the file and closes it. */
  close(): void;
}

/** How long a statement waits for another process that holds the file, for example a backup tool. */
const busyTimeoutMs = 5_000;
/** The write-ahead log is cut back to this size after a checkpoint. */
const walBytesMax = 4 * 1024 * 1024;

/**
 * @throws OperoneError `unsupported` when a newer operone wrote the file, `unavailable` when it cannot be opened, is
 *   damaged, or is no database.
 */
export function openDatabase(options: OpenOptions): OpenDatabase {
  const { path } = options;
  const client = guardStorage(`open "${path}"`, () => {
    makePrivate(path);
    return new Database(path, { create: true, strict: true });
  });
  try {
    guardStorage(`open "${path}"`, () => configure(client, options.synchronous));
    migrate(client, options);
  } catch (error) {
    client.close();
    throw error;
  }
  return {
    drizzle: drizzle({ client }),
    transaction: (work) => guardStorage(`write to "${path}"`, () => client.transaction(work).immediate()),
    query: (work) => guardStorage(`read "${path}"`, work),
    problems: () => problemsOf(client),
    close() {
      client.run("PRAGMA wal_checkpoint(TRUNCATE)");
      client.close();
    },
  };
}

function problemsOf(client: Database): readonly string[] {
  try {
    const rows = client.query<{ readonly quick_check: string }, []>("PRAGMA quick_check(20)").all();
    return rows.map((row) => row.quick_check).filter((text) => text !== "ok");
  } catch (error) {
    // Damage to the first pages stops the check itself.
    if (error instanceof SQLiteError) return [error.message];
    throw error;
  }
}

/** SQLite gives the log and the shared memory file the mode of the database, so it must be right before the first open. */
function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
}

function configure(client: Database, synchronous: OpenOptions["synchronous"]): void {
  client.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  client.run("PRAGMA journal_mode = WAL");
  client.run(`PRAGMA synchronous = ${synchronous}`);
  // macOS flushes its disks only when asked in this way.
  if (synchronous === "full") client.run("PRAGMA fullfsync = ON");
  client.run(`PRAGMA journal_size_limit = ${walBytesMax}`);
  client.run("PRAGMA foreign_keys = ON");
  // A schema that somebody else wrote must not be able to call functions with side effects.
  client.run("PRAGMA trusted_schema = OFF");
}

function migrate(client: Database, { path, migrations }: OpenOptions): void {
  const version = versionOf(client, path);
  if (version > migrations.length) {
    throw new OperoneError(
      "unsupported",
      `"${path}" has schema version ${version}, and this operone knows versions up to ${migrations.length}: a newer one wrote it. Start that newer operone, or restore a backup from before the upgrade`,
      { version, versionMax: migrations.length },
    );
  }
  for (const [index, { name, sql }] of migrations.entries()) {
    if (index < version) continue;
    guardStorage(`bring "${path}" up to date ("${name}")`, () =>
      client
        .transaction(() => {
          client.run(sql);
          client.run(`PRAGMA user_version = ${index + 1}`);
        })
        .immediate(),
    );
  }
}

function versionOf(client: Database, path: string): number {
  const row = guardStorage(`read "${path}"`, () =>
    client.query<{ readonly user_version: number }, []>("PRAGMA user_version").get(),
  );
  return row?.user_version ?? 0;
}

/** SQLite's own errors as one sentence with the next step. Anything else is passed on as it is. */
function guardStorage<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    // Drizzle's wrapper quotes the bound values, which must not reach a log; only its cause is told.
    const cause = error instanceof Error && error.cause instanceof SQLiteError ? error.cause : error;
    if (cause instanceof SQLiteError || isSystemError(cause)) throw storageError(what, cause);
    throw error;
  }
}

const advice: Readonly<Record<string, string>> = {
  SQLITE_NOTADB: "it is no SQLite database; restore it from a backup, or move it away to begin anew",
  SQLITE_CORRUPT: "it is damaged; restore it from a backup",
  SQLITE_FULL: "the disk is full; make room and try again",
  SQLITE_READONLY: "it is read-only; give this user the right to write it",
  SQLITE_CANTOPEN: "it cannot be opened; check the folder and its rights",
  SQLITE_BUSY: "another program holds it; end that program and try again",
};

function storageError(what: string, error: Error & { readonly code?: unknown }): OperoneError {
  const code = String(error.code ?? "");
  // Extended codes such as SQLITE_CORRUPT_VTAB begin with the plain one.
  const known = Object.keys(advice).find((name) => code.startsWith(name));
  const why = known === undefined ? error.message : `${advice[known]} (${error.message})`;
  return new OperoneError("unavailable", `Could not ${what}: ${why}`, undefined, { cause: error });
}

function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string" && "syscall" in error;
}
