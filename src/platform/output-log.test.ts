import { afterAll, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type OutputChunk, OutputLog, type Place } from "./output-log.ts";

const root = mkdtempSync(join(tmpdir(), "operone-log-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const fresh = () => join(root, `${folders++}`);

const chunk = fc.record({ stream: fc.constantFrom(0, 1), bytes: fc.uint8Array({ maxLength: 3_000 }) });
const chunks = fc.array(chunk, { maxLength: 30 });

/** Every byte of the log from the cursor on, with its stream. */
function readAll(log: OutputLog, from: number, useful = true): { bytes: number[]; streams: number[] } {
  const bytes: number[] = [];
  const streams: number[] = [];
  let near: Place | undefined;
  for (let cursor = from; ; ) {
    const read = log.read(cursor, useful ? near : undefined);
    if (read === undefined) return { bytes, streams };
    near = read.place;
    cursor += read.bytes.length;
    for (const byte of read.bytes) {
      bytes.push(byte);
      streams.push(read.stream);
    }
  }
}

function written(all: readonly OutputChunk[]) {
  return {
    bytes: all.flatMap(({ bytes }) => [...bytes]),
    streams: all.flatMap(({ bytes, stream }) => [...bytes].map(() => stream)),
  };
}

test("reading from any cursor gives the rest of what was written, whatever the pieces were", () => {
  fc.assert(
    fc.property(chunks, fc.nat(), fc.boolean(), (all, at, useful) => {
      const log = OutputLog.begin({ folder: fresh(), bytesMax: 1_000_000 });
      for (const one of all) log.append(one);
      const { bytes, streams } = written(all);
      const from = bytes.length === 0 ? 0 : at % bytes.length;
      expect(log.end).toBe(bytes.length);
      expect(readAll(log, from, useful)).toEqual({ bytes: bytes.slice(from), streams: streams.slice(from) });
      log.finish();
    }),
    { numRuns: 40 },
  );
});

test("the log never grows beyond its limit, and what is left is the newest, with its cursors", () => {
  fc.assert(
    fc.property(chunks, fc.integer({ min: 4_096, max: 20_000 }), (all, bytesMax) => {
      const folder = fresh();
      const log = OutputLog.begin({ folder, bytesMax });
      for (const one of all) {
        log.append(one);
        const onDisk = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
        expect(onDisk).toBeLessThanOrEqual(bytesMax);
        expect(log.sizeBytes).toBe(onDisk);
      }
      const { bytes, streams } = written(all);
      expect(log.end).toBe(bytes.length);
      expect(readAll(log, log.start)).toEqual({
        bytes: bytes.slice(log.start),
        streams: streams.slice(log.start),
      });
      log.finish();
      const left = OutputLog.left({ folder, bytesMax });
      expect([left.start, left.end, left.sizeBytes]).toEqual([log.start, log.end, log.sizeBytes]);
      expect(readAll(left, left.start)).toEqual(readAll(log, log.start));
    }),
    { numRuns: 40 },
  );
});

test("a chunk that a crash cut off gives the bytes that are there, and no other", () => {
  const folder = fresh();
  const log = OutputLog.begin({ folder, bytesMax: 1_000_000 });
  log.append({ stream: 0, bytes: Buffer.from("whole") });
  log.append({ stream: 1, bytes: Buffer.from("half of it") });
  log.finish();
  const file = join(folder, readdirSync(folder)[0] ?? "");
  truncateSync(file, statSync(file).size - 6);
  const left = OutputLog.left({ folder, bytesMax: 1_000_000 });
  expect(left.end).toBe(9);
  expect(Buffer.from(readAll(left, 0).bytes).toString()).toBe("wholehalf");
  truncateSync(file, statSync(file).size - 9);
  appendFileSync(file, Uint8Array.of(1, 0, 0));
  expect(Buffer.from(readAll(OutputLog.left({ folder, bytesMax: 1_000_000 }), 0).bytes).toString()).toBe(
    "whole",
  );
});

test("a waiting reader is woken by the next bytes, the end and its own signal", async () => {
  const log = OutputLog.begin({ folder: fresh(), bytesMax: 1_000_000 });
  const never = new AbortController();
  const first = log.changed(never.signal);
  log.append({ stream: 0, bytes: Buffer.from("x") });
  await first;
  const aborted = log.changed(never.signal);
  never.abort();
  await aborted;
  const last = log.changed(new AbortController().signal);
  log.finish();
  await last;
});

test("a disk that fails loses the bytes, counts them as missing, and nothing else", () => {
  const folder = fresh();
  const log = OutputLog.begin({ folder, bytesMax: 8_192 });
  log.append({ stream: 0, bytes: Buffer.alloc(1_000, "a") });
  rmSync(folder, { recursive: true });
  expect(() => log.append({ stream: 0, bytes: Buffer.alloc(1_000, "b") })).toThrow();
  expect(log.end).toBe(2_000);
  log.remove();
});

test("a disk that is nearly full gets no more output, and what is missing is counted, also after a restart", () => {
  let roomBytes = 1_000;
  const folder = fresh();
  const options = { folder, bytesMax: 100_000 };
  const log = OutputLog.begin({ ...options, roomBytes: () => roomBytes });
  const one = (fill: number) => ({ stream: 0, bytes: new Uint8Array(300).fill(fill) });
  log.append(one(1));
  roomBytes = 200;
  expect(() => log.append(one(2))).toThrow("nearly full");
  expect(() => log.append(one(3))).toThrow("nearly full");
  roomBytes = 1_000;
  log.append(one(4));
  roomBytes = 0;
  expect(() => log.append(one(5))).toThrow("nearly full");
  log.finish();
  for (const same of [log, OutputLog.left(options, log.end)]) {
    // The oldest made room for the newest.
    expect([same.start, same.end]).toEqual([900, 1_500]);
    expect(same.read(900)?.bytes).toEqual(one(4).bytes);
    expect(same.read(1_200)).toBeUndefined();
    expect(same.after(1_200)).toBe(1_500);
  }
  expect(readdirSync(folder)).toHaveLength(1);
});

test("reading goes on behind what the disk had no room for", () => {
  let roomBytes = 10_000;
  const log = OutputLog.begin({ folder: fresh(), bytesMax: 100_000, roomBytes: () => roomBytes });
  const bytes = new Uint8Array(6_000);
  log.append({ stream: 0, bytes });
  roomBytes = 0;
  expect(() => log.append({ stream: 0, bytes })).toThrow("nearly full");
  roomBytes = 10_000;
  log.append({ stream: 1, bytes });
  expect(log.read(6_000)).toBeUndefined();
  expect(log.after(6_000)).toBe(12_000);
  expect(log.read(12_000)?.stream).toBe(1);
});
