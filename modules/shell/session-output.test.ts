import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { partsOfText } from "../../src/kernel/byte-text.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { OutputLog } from "../../src/platform/output-log.ts";
import { Session } from "./session.ts";
import { sessionItems } from "./session-output.ts";
import type { SessionItem } from "./session-shapes.ts";

const root = mkdtempSync(join(tmpdir(), "operone-out-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

interface Written {
  readonly stream: number;
  readonly bytes: Uint8Array;
}

/** Whole texts, halves of characters, and bytes that are no text at all; short ones and such as are held as bytes. */
const short = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => Buffer.from(text)),
  fc
    .tuple(fc.string({ unit: "grapheme", maxLength: 9 }), fc.nat(9))
    .map(([text, at]) => Buffer.from(text).subarray(at)),
  fc.uint8Array({ maxLength: 60 }),
);
const bytes = fc.oneof(
  short,
  fc.tuple(short, fc.nat(3)).map(([piece, cut]) => {
    const long = Buffer.concat(Array.from({ length: 60 }, () => piece));
    return long.subarray(cut, long.length - cut);
  }),
);
const chunks = fc.array(fc.record({ stream: fc.constantFrom(0, 1), bytes }), { maxLength: 20 });

const exit = { code: 0, signal: null, reason: "exited", durationMs: 1 } as const;

function endedSession(all: readonly Written[], bytesMax = 1_000_000): { session: Session; log: OutputLog } {
  const log = OutputLog.begin({ folder: join(root, `${folders++}`), bytesMax });
  return sessionOf(log, () => {
    for (const one of all) log.append(one);
  });
}

function sessionOf(log: OutputLog, write: () => void): { session: Session; log: OutputLog } {
  write();
  log.finish();
  const outcome = { endedAtMs: 2, exit, outputEnd: log.end, outputBytes: log.sizeBytes };
  const facts = {
    id: "s",
    name: undefined,
    creator: { kind: "owner", id: "owner", name: "owner" },
    argv: ["x"],
    requests: [],
    profile: "unconfined",
    terminal: false,
    outputBytesMax: 1_000_000,
    startedAtMs: 1,
  } as const;
  return { session: Session.ended(facts, outcome, () => log), log };
}

async function itemsFrom(session: Session, cursor: number): Promise<SessionItem[]> {
  const reading = { cursor, follow: false };
  const items = sessionItems(session, reading, new AbortController().signal, simulatedClock());
  return await Array.fromAsync(items);
}

function contentOf(item: Extract<SessionItem, { stream: string }>): Buffer {
  const parts = "text" in item ? partsOfText(item.text, "utf8") : partsOfText(item.base64, "base64");
  return Buffer.concat([...parts]);
}

/** Each byte with its stream, in order. */
function said(items: readonly SessionItem[]): (readonly [string, number])[] {
  return items.flatMap((item) => {
    if (!("stream" in item)) return [];
    return Array.from(contentOf(item), (byte) => [item.stream, byte] as const);
  });
}

const streams = ["stdout", "stderr"] as const;
function writtenBytes(all: readonly Written[]): (readonly [string, number])[] {
  return all.flatMap((one) => Array.from(one.bytes, (byte) => [streams[one.stream] ?? "", byte] as const));
}

test("from any byte on, the items give exactly the rest, in order and with their streams", async () => {
  await fc.assert(
    fc.asyncProperty(chunks, fc.nat(), async (all, at) => {
      const { session } = endedSession(all);
      const whole = writtenBytes(all);
      const from = whole.length === 0 ? 0 : at % (whole.length + 1);
      const items = await itemsFrom(session, from);
      expect(said(items)).toEqual(whole.slice(from));
      expect(items.at(-1)).toEqual({ exit, cursor: whole.length });
    }),
    { numRuns: 60 },
  );
});

test("whoever breaks off after any item and goes on at its cursor misses nothing and gets nothing twice", async () => {
  await fc.assert(
    fc.asyncProperty(chunks, async (all) => {
      const { session } = endedSession(all);
      const items = await itemsFrom(session, 0);
      for (const [index, { cursor }] of items.entries()) {
        const rest = await itemsFrom(session, cursor);
        expect([...said(items.slice(0, index + 1)), ...said(rest)]).toEqual(writtenBytes(all));
      }
    }),
    { numRuns: 30 },
  );
});

test("what is not kept any more is counted, and what follows is right", async () => {
  const all = Array.from({ length: 50 }, (_, index) => ({
    stream: index % 2,
    bytes: Buffer.alloc(300, index),
  }));
  const { session, log } = endedSession(all, 4_096);
  expect(log.start).toBeGreaterThan(0);
  const [first, ...rest] = await itemsFrom(session, 100);
  expect(first).toEqual({ missing: log.start - 100, cursor: log.start });
  expect(said(rest)).toEqual(writtenBytes(all).slice(log.start));
});

test("what the disk had no room for is counted, and what came after it is given", async () => {
  // As much as the first needs: the disk is looked at again before the next.
  let roomBytes = 10;
  const log = OutputLog.begin({
    folder: join(root, `${folders++}`),
    bytesMax: 1_000_000,
    roomBytes: () => roomBytes,
  });
  const { session } = sessionOf(log, () => {
    log.append({ stream: 0, bytes: Buffer.from("first") });
    roomBytes = 0;
    expect(() => log.append({ stream: 0, bytes: Buffer.alloc(600_000) })).toThrow();
    roomBytes = 1_000_000;
    log.append({ stream: 0, bytes: Buffer.from("last") });
  });
  expect(await itemsFrom(session, 0)).toEqual([
    { stream: "stdout", text: "first", cursor: 5 },
    { missing: 600_000, cursor: 600_005 },
    { stream: "stdout", text: "last", cursor: 600_009 },
    { exit, cursor: 600_009 },
  ]);
});

test("a tail begins before the end, and a cursor behind the end is refused with the end", async () => {
  const { session } = endedSession([{ stream: 0, bytes: Buffer.from("0123456789") }]);
  const signal = new AbortController().signal;
  const tail = await Array.fromAsync(
    sessionItems(session, { tail: 4, follow: false }, signal, simulatedClock()),
  );
  expect(tail[0]).toEqual({ stream: "stdout", text: "6789", cursor: 10 });
  await expect(itemsFrom(session, 11)).rejects.toMatchObject({ code: "range", details: { end: 10 } });
});
