import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { dayMs } from "../../src/kernel/duration.ts";
import type { AuditRecord } from "../../src/kernel/ports.ts";
import {
  type SimulatedClock,
  type SimulatedLog,
  simulatedClock,
  simulatedLog,
} from "../../src/kernel/simulated.ts";
import { temporaryDirectory } from "../../tests/access/node.ts";
import { Audit } from "./audit.ts";
import { AuditStore } from "./audit-store.ts";
import { type ChainRecord, ChainWalk, genesis } from "./chain.ts";
import type { AuditOut } from "./shapes.ts";
import { type AccessDatabases, openAccess } from "./store.ts";

const signal = new AbortController().signal;
const noProgress = () => {};

let directory: string;
let clock: SimulatedClock;
let log: SimulatedLog;
let databases: AccessDatabases;
let audit: Audit;

beforeEach(() => {
  directory = temporaryDirectory();
  clock = simulatedClock();
  log = simulatedLog();
  open();
});
afterEach(() => {
  close();
  rmSync(directory, { recursive: true, force: true });
});

const pathOf = () => join(directory, "access", "access.db");

function open(options: { readonly recordsMax?: number; readonly keepMs?: number } = {}): void {
  databases = openAccess(pathOf(), "normal");
  const store = new AuditStore(databases.audit);
  audit = new Audit({ store, clock, log, keepMs: 365 * dayMs, recordsMax: 1_000_000, ...options });
}

function close(): void {
  audit.close();
  databases.close();
}

function record(overrides: Partial<AuditRecord> = {}): AuditRecord {
  return {
    kind: "outcome",
    callId: "call",
    caller: { kind: "token", id: "id", name: "ci" },
    surface: "http",
    operation: "demo.run",
    effect: "write",
    inputDigest: "d".repeat(64),
    code: "ok",
    durationMs: 1.25,
    ...overrides,
  };
}

async function write(count: number, overrides: Partial<AuditRecord> = {}): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, at) => audit.record(record({ callId: `c${at}`, ...overrides }))),
  );
}

function listed(filter = {}, limit = 100): Promise<AuditOut[]> {
  return Array.fromAsync(audit.list(filter, limit, signal));
}

/** Changes the file behind the node's back. */
function tamper(sql: string): void {
  const client = new Database(pathOf());
  client.run(sql);
  client.close();
}

test("what was recorded is listed newest first, with everything that was told", async () => {
  await audit.record(record());
  await clock.advance(5);
  await audit.record(
    record({ kind: "denial", code: "forbidden", caller: { kind: "agent", id: "a", name: "bot" } }),
  );
  const [second, first] = await listed();
  expect(first).toEqual({
    ...record(),
    seq: 1,
    atMs: clock.nowMs() - 5,
    hash: expect.any(String),
  } as AuditOut);
  expect(second).toMatchObject({
    seq: 2,
    kind: "denial",
    code: "forbidden",
    caller: { kind: "agent", name: "bot" },
  });
});

test("a record is on the disk when its promise resolves, whoever reads the file", async () => {
  await audit.record(record());
  const other = new Database(pathOf(), { readonly: true });
  expect(other.query("select count(*) as n from audit").get()).toEqual({ n: 1 });
  other.close();
});

test("records of one turn of the event loop share a commit", async () => {
  const before = versionOf();
  await write(500);
  expect(versionOf() - before).toBe(1);
  await write(1);
  expect(versionOf() - before).toBe(2);
});

/** Commits that the write-ahead log has seen from another connection's view. */
let observer: Database | undefined;
let commits = 0;
let dataVersion = 0;
function versionOf(): number {
  observer ??= new Database(pathOf());
  const row = observer.query<{ readonly data_version: number }, []>("pragma data_version").get();
  if (row !== null && row.data_version !== dataVersion) {
    commits += dataVersion === 0 ? 0 : row.data_version - dataVersion;
    dataVersion = row.data_version;
  }
  return commits;
}
afterEach(() => {
  observer?.close();
  observer = undefined;
  commits = 0;
  dataVersion = 0;
});

test("more records than the queue holds are written at once instead of waiting", async () => {
  const all = write(5_000);
  const other = new Database(pathOf(), { readonly: true });
  const { n } = other.query<{ readonly n: number }, []>("select count(*) as n from audit").get() ?? { n: 0 };
  expect(n).toBe(4_096);
  other.close();
  await all;
});

test("filters narrow the list, all of them together", async () => {
  await write(3, { operation: "fs.read", code: "not_found" });
  await write(2, { operation: "fs.read", caller: { kind: "agent", id: "x1", name: "bot" } });
  await clock.advance(60_000);
  await write(1, { kind: "denial", code: "forbidden" });
  const count = async (filter: object, limit?: number) => (await listed(filter, limit)).length;
  expect(await count({ operation: "fs.read" })).toBe(5);
  expect(await count({ operation: "fs.read", code: "not_found" })).toBe(3);
  expect(await count({ caller: "bot" })).toBe(2);
  expect(await count({ caller: "x1" })).toBe(2);
  expect(await count({ kind: "denial" })).toBe(1);
  expect(await count({ sinceMs: clock.nowMs() })).toBe(1);
  expect(await count({ untilMs: clock.nowMs() - 1 })).toBe(5);
  expect(await count({ callId: "c2" })).toBe(1);
  expect(await count({}, 4)).toBe(4);
});

test("the chain goes on where it stopped, across restarts", async () => {
  await write(3);
  const { head } = audit;
  close();
  open();
  expect(audit.head).toEqual(head);
  await write(2);
  expect(await audit.verify(head, signal, noProgress)).toMatchObject({
    ok: true,
    records: 5,
    from: 1,
    givenHead: "present",
  });
});

test("texts come back as they were hashed, whatever a caller puts into them", async () => {
  const text = fc.string({ unit: "binary", maxLength: 400 });
  const texts = fc.sample(fc.record({ callId: text, operation: text, name: text, id: text }), 200);
  const odd = ["\ud800", "a\0b", "\ufeff", "'; drop table audit", "x".repeat(10_000)];
  for (const { callId, operation, name, id } of [
    ...texts,
    ...odd.map((one) => ({ callId: one, operation: one, name: one, id: one })),
  ]) {
    await audit.record(record({ callId, operation, caller: { kind: "token", id, name } }));
  }
  close();
  open();
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({ ok: true, records: 205 });
  expect((await listed({}, 1))[0]?.callId).toHaveLength(256);
});

test("a changed record is found by its number", async () => {
  await write(20);
  tamper("update audit set code = 'ok ' where seq = 7");
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({
    ok: false,
    records: 6,
    broken: { seq: 7, reason: expect.stringContaining("record 7 was changed") },
  });
});

test("a record removed in the middle or at the beginning is found", async () => {
  await write(20);
  tamper("delete from audit where seq = 12");
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({ ok: false, broken: { seq: 12 } });
  tamper("delete from audit where seq <= 3");
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({ ok: false, broken: { seq: 1 } });
});

test("a cut tail shows against an earlier head, also when new records have grown over it", async () => {
  await write(20);
  const { head } = audit;
  close();
  tamper("delete from audit where seq > 15");
  open();
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({ ok: true, records: 15 });
  expect(await audit.verify(head, signal, noProgress)).toMatchObject({ ok: false, givenHead: "missing" });
  await write(10, { operation: "fs.write" });
  expect(await audit.verify(head, signal, noProgress)).toMatchObject({ ok: false, givenHead: "different" });
});

test("a tail cut while the node runs is found without an earlier head", async () => {
  await write(20);
  tamper("delete from audit where seq > 15");
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({ ok: false, broken: { seq: 16 } });
});

test("pruning by age removes the old ones and leaves a chain that verifies, again and again", async () => {
  close();
  open({ keepMs: 10 * dayMs });
  for (let day = 0; day < 30; day++) {
    await write(4);
    await clock.advance(dayMs);
  }
  const result = await audit.verify(undefined, signal, noProgress);
  expect(result).toMatchObject({ ok: true });
  expect(result.from).toBeGreaterThan(60);
  const kept = await listed({}, 1_000);
  expect(Math.min(...kept.map(({ atMs }) => atMs))).toBeGreaterThanOrEqual(clock.nowMs() - 11 * dayMs);
  expect(kept.filter(({ kind }) => kind === "checkpoint").length).toBeLessThan(15);
  close();
  open({ keepMs: 10 * dayMs });
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({ ok: true, from: result.from });
});

test("pruning by number keeps the newest, in pages", async () => {
  await write(9_000);
  const { head } = audit;
  close();
  open({ recordsMax: 1_000 });
  await audit.prune();
  const result = await audit.verify(head, signal, noProgress);
  expect(result).toMatchObject({ ok: true, givenHead: "present" });
  expect(result.records).toBeLessThanOrEqual(1_010);
  expect((await listed({ kind: "outcome" }, 10_000)).map(({ seq }) => seq).at(-1)).toBe(8_001);
  expect(await audit.verify({ seq: 5, hash: "0".repeat(64) }, signal, noProgress)).toMatchObject({
    givenHead: "pruned",
    ok: true,
  });
});

test("records removed without a checkpoint, or with a forged one, are missed", async () => {
  close();
  open({ recordsMax: 1_000 });
  await write(5_000);
  await audit.prune();
  const from = (await audit.verify(undefined, signal, noProgress)).from;
  tamper(`delete from audit where seq < ${from + 10}`);
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({
    ok: false,
    broken: { seq: from },
  });
  tamper(
    `update audit set note = '{"prunedThrough":{"seq":${from + 9},"hash":"${"0".repeat(64)}"}}' where kind = 'checkpoint'`,
  );
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({ ok: false });
  tamper("update audit set note = 'no json' where kind = 'checkpoint'");
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({ ok: false, broken: { seq: 1 } });
});

test("nothing is pruned from under a reader", async () => {
  await write(5_000);
  const { head } = audit;
  close();
  open({ recordsMax: 1_000 });
  const reader = audit.export({}, signal);
  await reader.next();
  await audit.prune();
  let count = 0;
  for await (const bytes of reader) count += new TextDecoder().decode(bytes).trim().split("\n").length;
  expect(count).toBe(head.seq - 2_000);
  await audit.prune();
  expect((await audit.verify(undefined, signal, noProgress)).from).toBeGreaterThan(3_000);
});

test("the export holds everything that is needed to check the chain elsewhere", async () => {
  await write(2_500, { durationMs: 0.1 });
  await audit.record(record(), { count: 7 });
  const chunks = await Array.fromAsync(audit.export({}, signal));
  const lines = new TextDecoder().decode(Buffer.concat(chunks)).trimEnd().split("\n");
  const walk = new ChainWalk(genesis);
  for (const line of lines) {
    const { caller, note, ...rest } = JSON.parse(line) as AuditOut;
    const flat = { callerKind: caller.kind, callerId: caller.id, callerName: caller.name };
    walk.add({ ...rest, ...flat, note: note === undefined ? null : JSON.stringify(note) } as ChainRecord);
  }
  expect(walk.broken).toBeUndefined();
  expect(walk.last).toEqual(audit.head);
});

test("when the disk refuses, every waiting record is refused, and the chain goes on afterwards", async () => {
  await write(2);
  const blocker = new Database(pathOf());
  tamper("create trigger full before insert on audit begin select raise(abort, 'disk full'); end");
  const results = await Promise.allSettled([audit.record(record()), audit.record(record())]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(results[0]?.status === "rejected" && results[0].reason).toMatchObject({ code: "unavailable" });
  tamper("drop trigger full");
  blocker.close();
  await write(1);
  expect(await audit.verify(undefined, signal, noProgress)).toMatchObject({ ok: true, records: 3 });
});

test("after closing, records are refused and what waited is on the disk", async () => {
  const waiting = audit.record(record());
  audit.close();
  await waiting;
  await expect(audit.record(record())).rejects.toMatchObject({ code: "unavailable" });
});

test("a reader who leaves ends the reading", async () => {
  await write(5_000);
  const controller = new AbortController();
  const reading = audit.verify(undefined, controller.signal, () => controller.abort(new Error("left")));
  await expect(reading).rejects.toThrow("left");
});
