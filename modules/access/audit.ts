/** The audit: an append-only, hash-chained journal of what was done and refused. */
import * as v from "valibot";
import { dayMs } from "../../src/kernel/duration.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { AuditRecord, Clock, Journal, Log } from "../../src/kernel/ports.ts";
import type { AuditFilter, AuditRow, AuditStore } from "./audit-store.ts";
import { type ChainEntry, type ChainPoint, type ChainRecord, ChainWalk, genesis, hashOf } from "./chain.ts";
import { limits } from "./limits.ts";
import { AuditHead, type AuditOut } from "./shapes.ts";

export interface AuditInput {
  readonly store: AuditStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Records older than this are removed, the oldest first. */
  readonly keepMs: number;
  readonly recordsMax: number;
}

export interface Verification {
  readonly ok: boolean;
  /** Records whose place in the chain was proven. */
  readonly records: number;
  /** The first record that is still there; 0 when there is none. */
  readonly from: number;
  readonly head: AuditHead;
  readonly broken?: { readonly seq: number; readonly reason: string };
  /** What became of the head that was given to compare with. */
  readonly givenHead?: "present" | "missing" | "different" | "pruned";
}

const CheckpointNote = v.object({ prunedThrough: AuditHead });

type Entry = Omit<ChainEntry, "seq">;

/** Records up to this sequence, or from before this time, may go. */
type PruneGoal = Pick<ChainEntry, "seq" | "atMs">;

/** Real time, because the disk is real: a record of what only reads waits for others this long. */
const readsMs = 20;

interface Waiting {
  readonly entry: Entry;
  resolve(): void;
  reject(error: unknown): void;
}

export class Audit implements Journal {
  readonly #use: AuditInput;
  #head: ChainPoint;
  #firstSeq: number;
  #waiting: Waiting[] = [];
  #readers = 0;
  #pruning = false;
  #closed = false;
  #stopTimer = () => {};
  /** Whether this turn of the event loop ends with a commit. */
  #soon = false;
  #readsLater: ReturnType<typeof setTimeout> | undefined;

  constructor(use: AuditInput) {
    this.#use = use;
    this.#head = use.store.head();
    this.#firstSeq = use.store.firstSeq() ?? this.#head.seq + 1;
    this.#armPruning(0);
  }

  get head(): AuditHead {
    return { ...this.#head };
  }

  /** @throws OperoneError `unavailable` when the disk refuses the record, or after the audit was closed */
  record(record: AuditRecord, note?: unknown): Promise<void> {
    return this.#append(entryOf(record, this.#use.clock.nowMs(), note));
  }

  /** Newest first. @param filter all that is given must match */
  async *list(filter: AuditFilter, limit: number, signal: AbortSignal): AsyncGenerator<AuditOut> {
    this.#flush();
    let left = limit;
    for (let seq = this.#head.seq; seq >= this.#firstSeq && left > 0; seq -= limits.auditPageRecords) {
      for (const row of this.#use.store.before(seq, filter).slice(0, left)) {
        yield auditOut(row);
        left--;
      }
      await breath(signal);
    }
  }

  /** Oldest first, one JSON text a line: with its hashes, so that the lines can be checked without this node. */
  async *export(filter: AuditFilter, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.#flush();
    const encoder = new TextEncoder();
    for await (const rows of this.#pages(filter, signal)) {
      if (rows.length > 0)
        yield encoder.encode(rows.map((row) => `${JSON.stringify(auditOut(row))}\n`).join(""));
    }
  }

  /** Recomputes every hash. @param given an earlier head: its record must still be there, with that hash */
  async verify(
    given: AuditHead | undefined,
    signal: AbortSignal,
    progress: (done: number) => void,
  ): Promise<Verification> {
    this.#flush();
    const start = this.#start();
    const walk = new ChainWalk(start);
    const head = this.head;
    for await (const rows of this.#pages({}, signal)) {
      for (const row of rows) walk.add(row);
      progress(walk.count);
    }
    const lost =
      walk.last.seq < head.seq
        ? { seq: walk.last.seq + 1, reason: "the newest records are missing" }
        : undefined;
    const broken = walk.broken ?? lost;
    const givenHead = given === undefined ? undefined : this.#stateOf(given, start);
    return {
      ok: broken === undefined && (givenHead ?? "present") !== "missing" && givenHead !== "different",
      records: walk.count,
      from: walk.count === 0 ? 0 : start.seq + 1,
      head,
      ...(broken === undefined ? {} : { broken }),
      ...(givenHead === undefined ? {} : { givenHead }),
    };
  }

  /** Removes what is too old or too much, a page at a time, each with a checkpoint in the same commit. */
  async prune(): Promise<void> {
    if (this.#pruning) return;
    this.#pruning = true;
    // Set once: each page adds a checkpoint, and must not make room for that one too.
    const goal = { seq: this.#isOverfull ? this.#head.seq - this.#use.recordsMax : 0, atMs: this.#oldestMs };
    try {
      while (this.#readers === 0 && !this.#closed && this.#pruneOnce(goal)) await breath();
    } catch (error) {
      this.#use.log.error("Old audit records could not be removed", { error: String(error) });
    } finally {
      this.#pruning = false;
    }
  }

  /** Writes what waits and refuses what comes later. */
  close(): void {
    this.#stopTimer();
    this.#flush();
    this.#closed = true;
  }

  #append(entry: Entry): Promise<void> {
    if (this.#closed) {
      return Promise.reject(new OperoneError("unavailable", "The audit is closed: the node is stopping"));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      // Of reads many go into one commit: nobody waits for it. Of all else, what this turn of the event loop brings.
      if (entry.effect === "read") this.#readsLater ??= setTimeout(() => this.#flush(), readsMs);
      else if (!this.#soon) this.#flushSoon();
      // Writing here and now is the back-pressure: nobody can queue faster than the disk takes.
      if (this.#waiting.length >= limits.auditBatchMax) this.#flush();
    });
  }

  #flushSoon(): void {
    this.#soon = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    clearTimeout(this.#readsLater);
    this.#readsLater = undefined;
    this.#soon = false;
    const waiting = this.#waiting.splice(0);
    if (waiting.length === 0) return;
    try {
      this.#write(waiting.map(({ entry }) => entry));
    } catch (error) {
      this.#use.log.error("The audit could not be written", {
        records: waiting.length,
        error: String(error),
      });
      for (const { reject } of waiting) reject(error);
      return;
    }
    for (const { resolve } of waiting) resolve();
    if (this.#isOverfull) void this.prune();
  }

  /** A page beyond the limit, so that a full audit is not pruned record by record. */
  get #isOverfull(): boolean {
    return this.#head.seq - this.#firstSeq + 1 > this.#use.recordsMax + limits.auditPageRecords;
  }

  get #oldestMs(): number {
    return this.#use.clock.nowMs() - this.#use.keepMs;
  }

  /** The head moves only after the commit: a failed write leaves the chain as it was. */
  #write(entries: readonly Entry[], removeThrough?: number): void {
    const records: ChainRecord[] = [];
    let last = this.#head;
    for (const entry of entries) {
      const numbered = { ...entry, seq: last.seq + 1 };
      last = { seq: numbered.seq, hash: hashOf(last.hash, numbered) };
      records.push({ ...numbered, hash: last.hash });
    }
    this.#use.store.append(records, removeThrough);
    this.#head = last;
    if (removeThrough !== undefined) this.#firstSeq = removeThrough + 1;
  }

  async *#pages(filter: AuditFilter, signal: AbortSignal): AsyncGenerator<readonly AuditRow[]> {
    // Nothing may be pruned from under a reader that has not come to it yet.
    this.#readers++;
    try {
      const through = this.#head.seq;
      for (let seq = this.#firstSeq - 1; seq < through; seq += limits.auditPageRecords) {
        yield this.#use.store.after(seq, through, filter);
        await breath(signal);
      }
    } finally {
      this.#readers--;
    }
  }

  /** Where the chain that is left begins, as the newest checkpoint says. */
  #start(): ChainPoint {
    const note = this.#use.store.newestCheckpoint()?.note;
    return note === undefined || note === null ? genesis : pointOf(note);
  }

  #stateOf(given: AuditHead, start: ChainPoint): NonNullable<Verification["givenHead"]> {
    if (given.seq === start.seq) return given.hash === start.hash ? "present" : "different";
    if (given.seq < start.seq) return "pruned";
    const row = this.#use.store.at(given.seq);
    if (row === undefined) return "missing";
    return row.hash === given.hash ? "present" : "different";
  }

  #armPruning(delayMs: number): void {
    this.#stopTimer = this.#use.clock.after(delayMs, () => {
      void this.prune();
      this.#armPruning(dayMs);
    });
  }

  #pruneOnce(goal: PruneGoal): boolean {
    this.#flush();
    const through = this.#surplus(goal);
    const last = through < this.#firstSeq ? undefined : this.#use.store.at(through);
    if (last === undefined) return false;
    this.#write([checkpoint(this.#use.clock.nowMs(), { seq: last.seq, hash: last.hash })], through);
    return true;
  }

  /** The last sequence of the oldest page that may go; below the first one when none may. */
  #surplus(goal: PruneGoal): number {
    const page = this.#use.store.after(this.#firstSeq - 1, this.#head.seq);
    const kept = page.find((row) => row.seq > goal.seq && row.atMs >= goal.atMs);
    // A checkpoint alone is no reason for the next one.
    const through = kept === undefined ? (page.at(-1)?.seq ?? 0) : kept.seq - 1;
    return page.some((row) => row.seq <= through && row.kind !== "checkpoint") ? through : 0;
  }
}

function entryOf(record: AuditRecord, atMs: number, note: unknown): Entry {
  const { kind, callId, caller, surface, operation, effect, inputDigest, code, durationMs } = record;
  return {
    atMs,
    kind,
    callId: bounded(callId),
    callerKind: caller.kind,
    callerId: bounded(caller.id),
    callerName: bounded(caller.name),
    surface,
    operation: bounded(operation),
    effect,
    inputDigest: bounded(inputDigest),
    code,
    durationMs: Number.isFinite(durationMs) ? durationMs : 0,
    note: note === undefined ? null : JSON.stringify(note),
  };
}

function checkpoint(atMs: number, prunedThrough: ChainPoint): Entry {
  return {
    atMs,
    kind: "checkpoint",
    callId: "",
    callerKind: "owner",
    callerId: "operone",
    callerName: "retention",
    surface: "",
    operation: "access.audit",
    effect: "destroy",
    inputDigest: "",
    code: "ok",
    durationMs: 0,
    note: JSON.stringify({ prunedThrough }),
  };
}

/** A note that somebody has changed tells nothing: the walk then misses the records from the first one on. */
function pointOf(note: string): ChainPoint {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), CheckpointNote), note);
  return parsed.success ? parsed.output.prunedThrough : genesis;
}

/** What a caller can choose must not fill the disk; half a surrogate pair would come back as something else. */
function bounded(text: string): string {
  return text.slice(0, limits.auditTextLengthMax).toWellFormed();
}

function auditOut(row: AuditRow): AuditOut {
  const { callerKind, callerId, callerName, note, ...rest } = row;
  const caller = { kind: callerKind as AuditOut["caller"]["kind"], id: callerId, name: callerName };
  return { ...rest, caller, ...(note === null ? {} : { note: JSON.parse(note) }) };
}

/** Lets other work go on between two pages, and ends when the caller has left. */
async function breath(signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise((resolve) => setImmediate(resolve));
}
