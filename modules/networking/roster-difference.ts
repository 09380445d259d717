/** What to send to a peer that has told what it has. */
import { isNewer, type NodeFacts } from "./facts.ts";
import type { IssuerSummary, RosterDigests } from "./roster-digests.ts";
import type { RosterEntry } from "./roster-entry.ts";
import type { RosterIndex } from "./roster-index.ts";
import type { RosterLedger } from "./roster-ledger.ts";
import { rosterLimits } from "./roster-limits.ts";
import { broken, type RosterMessage } from "./roster-messages.ts";

type SummaryPage = Extract<RosterMessage, { type: "summary" }>;
export type Have = Extract<RosterMessage, { type: "have" }>;

/** A peer's summary, collected page by page. */
export class Summary {
  readonly issuers = new Map<string, IssuerSummary>();
  readonly facts = new Map<string, SummaryPage["facts"][number]>();
  #pages = 0;

  /** @throws OperoneError `invalid_input` when there are more pages than any roster needs */
  add(page: SummaryPage): void {
    if (++this.#pages > rosterLimits.summaryPagesMax) throw broken("a summary has no end");
    for (const one of page.issuers) this.issuers.set(one.issuer, one);
    for (const one of page.facts) this.facts.set(one.peer, one);
  }
}

export function* summaryPages(ledger: RosterLedger, digests: RosterDigests): Generator<SummaryPage> {
  const { summaryItemsMax } = rosterLimits;
  let page: SummaryPage = { type: "summary", issuers: [], facts: [], last: false };
  const issuers = [...digests.summaries()];
  for (let at = 0; at < issuers.length; at += summaryItemsMax) {
    if (at > 0) yield page;
    page = { ...page, issuers: issuers.slice(at, at + summaryItemsMax) };
  }
  const facts = ledger.facts().map(({ peer, sequence, hash }) => ({ peer, sequence, hash }));
  for (let at = 0; at < facts.length; at += summaryItemsMax) {
    yield page;
    page = { ...page, issuers: [], facts: facts.slice(at, at + summaryItemsMax) };
  }
  yield { ...page, last: true };
}

export interface Difference {
  readonly entries: readonly RosterEntry[];
  readonly facts: readonly NodeFacts[];
  /** Issuers whose entries must be compared one by one: a fork or a gap on one side. */
  readonly unequal: readonly string[];
}

export function differenceTo(theirs: Summary, ledger: RosterLedger, digests: RosterDigests): Difference {
  const { index } = ledger.roster;
  const from = new Map<string, number>();
  const unequal: string[] = [];
  for (const mine of digests.summaries()) {
    const other = theirs.issuers.get(mine.issuer);
    if (other === undefined) from.set(mine.issuer, 1);
    // The side that is ahead finds out how: this one cannot know what the other's history should begin with.
    else if (other.sequence > mine.sequence || other.digest === mine.digest) continue;
    else if (other.sequence < mine.sequence && digests.digestTo(mine.issuer, other.sequence) === other.digest)
      from.set(mine.issuer, other.sequence + 1);
    else unequal.push(mine.issuer);
  }
  const facts = ledger.facts().filter((one) => isNewer(one, theirs.facts.get(one.peer)));
  if (from.size === 0) return { entries: [], facts, unequal };
  const entries = [...index.all()].filter(
    ({ issuer, sequence }) => sequence >= (from.get(issuer) ?? Number.POSITIVE_INFINITY),
  );
  return { entries, facts, unequal };
}

/** The hashes of all that is known of the issuer, in pieces. */
export function* havePages(index: Omit<RosterIndex, "add">, issuer: string): Generator<Have> {
  const { hashesMax } = rosterLimits;
  const highest = index.highest(issuer);
  let from = 1;
  let hashes: string[] = [];
  for (let sequence = 1; sequence <= highest; sequence++) {
    const slot = index.issued(issuer, sequence, sequence).map(({ hash }) => hash);
    if (hashes.length + slot.length > hashesMax && sequence > from) {
      yield { type: "have", issuer, from, to: sequence - 1, hashes };
      from = sequence;
      hashes = [];
    }
    // A fork of more than a frame is named in part: what is then sent twice costs its author's budget, and ends.
    hashes.push(...slot.slice(0, hashesMax));
  }
  if (highest > 0) yield { type: "have", issuer, from, to: highest, hashes };
}

export interface HaveAnswer {
  readonly entries: readonly RosterEntry[];
  readonly wanted: readonly string[];
}

/** @throws OperoneError `invalid_input` when the range is none */
export function answerTo(have: Have, roster: RosterLedger["roster"]): HaveAnswer {
  if (have.from > have.to) throw broken("a range ends before it begins");
  const listed = new Set(have.hashes);
  const entries = roster.index
    .issued(have.issuer, have.from, have.to)
    .filter(({ hash }) => !listed.has(hash));
  return { entries, wanted: have.hashes.filter((hash) => !roster.has(hash)) };
}
