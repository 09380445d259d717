/**
 * The audit's hash chain: each record's hash covers the hash before it and everything in the record, so a change, an
 * insertion or a removal in the middle breaks it. A cut tail leaves a whole chain behind, and shows only against a
 * head (sequence and hash) that somebody kept elsewhere.
 *
 * Pruning leaves the chain whole too: its newest checkpoint says up to where records were removed, and with which
 * hash the rest continues.
 */
import { sha256 } from "../../src/kernel/hash.ts";

/** Everything that a record's hash covers, beside the hash before it. */
export interface ChainEntry {
  readonly seq: number;
  readonly atMs: number;
  readonly kind: string;
  readonly callId: string;
  readonly callerKind: string;
  readonly callerId: string;
  readonly callerName: string;
  readonly surface: string;
  readonly operation: string;
  readonly effect: string;
  readonly inputDigest: string;
  readonly code: string;
  readonly durationMs: number;
  /** JSON text. */
  readonly note: string | null;
}

export interface ChainRecord extends ChainEntry {
  readonly hash: string;
}

/** Where a chain ends, or where what is left of it begins. */
export interface ChainPoint {
  readonly seq: number;
  readonly hash: string;
}

/** Before the first record. */
export const genesis: ChainPoint = { seq: 0, hash: "0".repeat(64) };

/** Version of what is hashed; a new form of record needs a new one. */
const form = "operone-audit-1";

export function hashOf(previousHash: string, entry: ChainEntry): string {
  const { seq, atMs, kind, callId, callerKind, callerId, callerName, surface } = entry;
  const { operation, effect, inputDigest, code, durationMs, note } = entry;
  const who = [callId, callerKind, callerId, callerName, surface];
  const what = [operation, effect, inputDigest, code, durationMs, note];
  const covered = JSON.stringify([form, previousHash, seq, atMs, kind, ...who, ...what]);
  return sha256().update(covered).digest("hex");
}

export interface ChainBreak {
  /** The first record that cannot be trusted. */
  readonly seq: number;
  readonly reason: string;
}

/** Walks a chain, oldest record first; stops caring after the first break. */
export class ChainWalk {
  #last: ChainPoint;
  #broken: ChainBreak | undefined;
  #count = 0;

  constructor(start: ChainPoint) {
    this.#last = start;
  }

  add(record: ChainRecord): void {
    if (this.#broken !== undefined) return;
    const expected = this.#last.seq + 1;
    if (record.seq !== expected) this.#broken = { seq: expected, reason: `record ${expected} is missing` };
    else if (hashOf(this.#last.hash, record) !== record.hash)
      this.#broken = {
        seq: record.seq,
        reason: `record ${record.seq} was changed, or does not follow the one before it`,
      };
    else this.#count++;
    this.#last = { seq: record.seq, hash: record.hash };
  }

  get broken(): ChainBreak | undefined {
    return this.#broken;
  }

  get count(): number {
    return this.#count;
  }

  /** The last record that was walked. */
  get last(): ChainPoint {
    return this.#last;
  }
}
