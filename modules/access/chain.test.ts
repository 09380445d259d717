import { expect, test } from "bun:test";
import fc from "fast-check";
import { type ChainEntry, type ChainRecord, ChainWalk, genesis, hashOf } from "./chain.ts";

const text = fc.string({ unit: "binary", maxLength: 8 });
const entry: fc.Arbitrary<Omit<ChainEntry, "seq">> = fc.record({
  atMs: fc.nat(),
  kind: fc.constantFrom("intent", "outcome"),
  callId: text,
  callerKind: text,
  callerId: text,
  callerName: text,
  surface: text,
  operation: text,
  effect: text,
  inputDigest: text,
  code: text,
  durationMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
  note: fc.option(text, { nil: null }),
});
const chain = fc.array(entry, { minLength: 1, maxLength: 8 }).map(chained);

function chained(entries: readonly Omit<ChainEntry, "seq">[]): ChainRecord[] {
  let last = genesis;
  return entries.map((one) => {
    const numbered = { ...one, seq: last.seq + 1 };
    last = { seq: numbered.seq, hash: hashOf(last.hash, numbered) };
    return { ...numbered, hash: last.hash };
  });
}

function walked(records: readonly ChainRecord[]): ChainWalk {
  const walk = new ChainWalk(genesis);
  for (const record of records) walk.add(record);
  return walk;
}

/** Another value of the same type, as near as can be. */
function changed(value: unknown): unknown {
  if (typeof value === "number") return value === 0 ? 1 : -value;
  if (value === null) return "";
  const word = String(value);
  return word === "" ? "\0" : word.slice(0, -1) + String.fromCharCode(word.charCodeAt(word.length - 1) ^ 1);
}

test("an untouched chain is whole", () => {
  fc.assert(
    fc.property(chain, (records) => {
      const walk = walked(records);
      expect(walk.broken).toBeUndefined();
      expect(walk.count).toBe(records.length);
    }),
  );
});

test("a change of any field of any record is found at that record", () => {
  fc.assert(
    fc.property(chain, fc.nat(), (records, pick) => {
      const at = pick % records.length;
      const victim = records[at];
      if (victim === undefined) return;
      for (const field of Object.keys(victim) as (keyof ChainRecord)[]) {
        const forged = records.with(at, { ...victim, [field]: changed(victim[field]) });
        expect([field, walked(forged).broken?.seq]).toEqual([field, victim.seq]);
      }
    }),
  );
});

test("a removed, doubled, moved or invented record is found", () => {
  fc.assert(
    fc.property(chain, entry, fc.nat(), (records, invented, pick) => {
      const at = pick % records.length;
      const victim = records[at];
      if (victim === undefined) return;
      const last = at === records.length - 1;
      const removed = walked(records.toSpliced(at, 1));
      expect(removed.broken?.seq ?? "cut tail").toBe(last ? "cut tail" : victim.seq);
      expect(walked(records.toSpliced(at, 0, victim)).broken?.seq).toBe(victim.seq + 1);
      const forged = {
        ...invented,
        seq: victim.seq,
        hash: hashOf(genesis.hash, { ...invented, seq: victim.seq }),
      };
      if (at > 0) expect(walked(records.toSpliced(at, 0, forged)).broken?.seq).toBe(victim.seq);
      if (!last) expect(walked(records.toReversed()).broken).toBeDefined();
    }),
  );
});

test("neighbouring fields cannot trade characters", () => {
  const base = {
    ...chained([{ ...fc.sample(entry, 1)[0], callerId: "ab", callerName: "c" } as ChainEntry])[0],
  };
  const traded = { ...base, callerId: "a", callerName: "bc" } as ChainRecord;
  expect(walked([traded]).broken?.seq).toBe(1);
});
