/**
 * One node per data directory. The lock is the operating system's lock on an SQLite file: it falls with the process,
 * whatever ends it, so there is nothing stale to detect and no moment in which two can hold it.
 *
 * These are POSIX record locks (on Windows LockFileEx). One trap comes with them: when a process closes any
 * descriptor of the file, all its locks on it are gone. So the process that holds the lock never opens the file by
 * another way.
 */
import { Database } from "bun:sqlite";
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { OperoneError } from "../kernel/error.ts";
import { type DataPaths, lockApplicationId, reasonOf } from "./paths.ts";
import { startMarkOf } from "./process-identity.ts";

/** Who holds the lock. Written after it was taken, removed before it is given back. */
export interface Holder {
  readonly pid: number;
  /** Tells the process from a later one with the same number. */
  readonly startMark: string;
  /** Unix time in milliseconds. */
  readonly sinceMs: number;
  readonly version: string;
}

export interface Lock {
  /** Idempotent. */
  release(): void;
}

/** A probe holds the lock for a moment, so one refusal without a living holder does not mean that a node runs. */
const probeWaitMs = 500;
const probeStepMs = 10;

/** A database that nobody refers to any more is closed by the garbage collector, and its lock would be gone. */
const heldByThisProcess = new Set<Database>();

/** @throws OperoneError `conflict` that says who holds it, since when, and what to do. */
export function takeLock(paths: DataPaths, version: string, nowMs: number): Lock {
  let database = tryLock(paths);
  for (let waitedMs = 0; database === undefined && waitedMs < probeWaitMs; waitedMs += probeStepMs) {
    if (livingHolder(paths) !== undefined) break;
    Bun.sleepSync(probeStepMs);
    database = tryLock(paths);
  }
  if (database === undefined) throw held(paths);
  const holder: Holder = {
    pid: process.pid,
    startMark: startMarkOf(process.pid) ?? "",
    sinceMs: nowMs,
    version,
  };
  const temporary = `${paths.holder}.new`;
  writeFileSync(temporary, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  renameSync(temporary, paths.holder);
  const locked = database;
  heldByThisProcess.add(locked);
  return {
    release() {
      if (!heldByThisProcess.delete(locked)) return;
      rmSync(paths.holder, { force: true });
      locked.close();
    },
  };
}

/** Whether some process holds the lock now. */
export function isLocked(paths: DataPaths): boolean {
  if (!existsSync(paths.lock)) return false;
  const database = tryLock(paths);
  database?.close();
  return database === undefined;
}

/** The last process that said it holds the lock; it may be gone. */
export function readHolder(paths: DataPaths): Holder | undefined {
  try {
    const read = JSON.parse(readFileSync(paths.holder, "utf8")) as Partial<Holder>;
    const { pid, startMark, sinceMs, version } = read;
    if (typeof pid !== "number" || typeof startMark !== "string" || typeof sinceMs !== "number")
      return undefined;
    return { pid, startMark, sinceMs, version: String(version) };
  } catch {
    return undefined;
  }
}

/** The holder, if that very process is alive. */
export function livingHolder(paths: DataPaths): Holder | undefined {
  const holder = readHolder(paths);
  if (holder === undefined || startMarkOf(holder.pid) !== holder.startMark) return undefined;
  return holder;
}

function tryLock(paths: DataPaths): Database | undefined {
  let database: Database | undefined;
  try {
    database = new Database(paths.lock, { create: true });
    mark(database, paths.lock);
    database.run("BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database?.close();
    const code = (error as { readonly code?: unknown }).code;
    if (typeof code === "string" && code.startsWith("SQLITE_BUSY")) return undefined;
    throw new OperoneError(
      "unavailable",
      `The lock ${paths.lock} cannot be taken: ${reasonOf(error)}; it holds no data, so when no node runs it may be removed`,
    );
  }
}

/** Once in the life of the folder. Nothing else is ever written, so nothing here needs to be durable. */
function mark(database: Database, file: string): void {
  const row = database.query("PRAGMA application_id").get() as { readonly application_id?: number } | null;
  if (row?.application_id === lockApplicationId) return;
  database.run("PRAGMA journal_mode=MEMORY");
  database.run("PRAGMA synchronous=OFF");
  chmodSync(file, 0o600);
  database.run(`PRAGMA application_id=${lockApplicationId}`);
}

function held(paths: DataPaths): OperoneError {
  const next = `"operone status" asks it, "operone down" stops it, --data names another folder for a second node`;
  const holder = livingHolder(paths);
  if (holder === undefined) {
    return new OperoneError(
      "conflict",
      `A node is already starting or running in ${paths.directory}, but it has not said who it is yet; ${next}`,
    );
  }
  const since = new Date(holder.sinceMs).toISOString();
  return new OperoneError(
    "conflict",
    `A node is already running in ${paths.directory}: process ${holder.pid}, since ${since}; ${next}`,
    { pid: holder.pid, sinceMs: holder.sinceMs },
  );
}
