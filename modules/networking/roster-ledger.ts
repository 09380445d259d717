/**
 * The roster and the facts of one node, in memory and on disk. Everything new passes here: it is verified, stored,
 * then it holds, then it is told, in this order. So a crash at any moment leaves a node that knows every entry it
 * ever told anybody of, and never uses a sequence twice.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import {
  isNewer,
  type NodeFacts,
  type OwnFacts,
  readFacts,
  signFacts,
  unsealFacts,
  verifyFacts,
} from "./facts.ts";
import { Roster, type Statement } from "./roster.ts";
import { type RosterEntry, signEntry, unsealEntry, verifyEntry } from "./roster-entry.ts";
import type { Signer } from "./signed-record.ts";

/** What is new here. */
export interface LedgerChange {
  readonly entries: readonly RosterEntry[];
  readonly facts: readonly NodeFacts[];
  /** Whatever was given to `accept` as the source; undefined for the node's own. */
  readonly source: unknown;
}

/** What a batch of somebody else's statements came to. */
export interface Acceptance {
  /** Signatures that had to be verified. */
  readonly verifiedCount: number;
  /** Right in form, and of nobody who may say it. */
  readonly uselessCount: number;
}

/** `roster-store.ts` is the real body. Each write is all or nothing, and on the disk when it returns. */
export interface LedgerStore {
  /** In the order in which they were put. */
  entries(mesh: string): readonly RosterEntry[];
  facts(mesh: string): readonly NodeFacts[];
  /** An entry that is there already stays. @throws OperoneError `unavailable` */
  putEntries(entries: readonly RosterEntry[]): void;
  /** Instead of older ones of the same nodes. @throws OperoneError `unavailable` */
  putFacts(facts: readonly NodeFacts[]): void;
  dropFacts(peers: readonly string[]): void;
}

export interface LedgerOptions {
  /** Peer id of the mesh key. */
  readonly mesh: string;
  readonly store: LedgerStore;
  readonly clock: Pick<Clock, "nowMs">;
}

export class RosterLedger {
  readonly roster: Roster;
  readonly #options: LedgerOptions;
  readonly #facts = new Map<string, NodeFacts>();
  readonly #listeners = new Set<(change: LedgerChange) => void>();
  #issuing: Promise<unknown> = Promise.resolve();

  /** Reads the store. */
  constructor(options: LedgerOptions) {
    this.#options = options;
    this.roster = new Roster(options.mesh);
    this.roster.restore(options.store.entries(options.mesh));
    for (const facts of options.store.facts(options.mesh)) {
      if (this.roster.isMember(facts.peer)) this.#facts.set(facts.peer, facts);
    }
  }

  factsOf(peerId: string): NodeFacts | undefined {
    return this.#facts.get(peerId);
  }

  facts(): readonly NodeFacts[] {
    return [...this.#facts.values()];
  }

  /** Called after each change, with what became known; returns what ends that. */
  onChange(listener: (change: LedgerChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Makes, signs, stores and tells the signer's next entry.
   *
   * @throws OperoneError as `Roster.next`, and `unavailable` when it could not be stored: then it was not told either
   */
  issue(signer: Signer, statement: Omit<Statement, "issuer">): Promise<RosterEntry> {
    return this.#inTurn(async () => {
      const payload = this.roster.next({ ...statement, issuer: signer.peerId });
      const entry = await signEntry(payload, signer);
      const { kept } = this.#keepEntries([entry], undefined);
      if (kept.length === 0) throw new OperoneError("internal", "An own roster entry was not taken");
      return entry;
    });
  }

  /**
   * @throws OperoneError `forbidden` when the node is no member yet, `invalid_input` or `too_large` for facts beyond
   *   their limits, `unavailable` when they could not be stored
   */
  publish(signer: Signer, own: OwnFacts): Promise<NodeFacts> {
    return this.#inTurn(async () => {
      const { mesh, clock } = this.#options;
      const peer = signer.peerId;
      if (!this.roster.isMember(peer))
        throw new OperoneError("forbidden", `${peer} is no member of the mesh; join it first`);
      const last = this.#facts.get(peer)?.sequence ?? 0;
      const sequence = Math.max(clock.nowMs(), last + 1);
      const facts = await signFacts({ ...own, mesh, peer, sequence }, signer);
      this.#keepFacts([facts], undefined);
      return facts;
    });
  }

  /**
   * Takes entries of other nodes. What is known already costs nearly nothing.
   *
   * @throws OperoneError `invalid_input`, `too_large`, `forbidden` for the first that is malformed or forged: its
   *   sender must have known. `unavailable` when they could not be stored; nothing of the batch holds then
   */
  async acceptEntries(envelopes: readonly Uint8Array[], source: unknown): Promise<Acceptance> {
    const entries: RosterEntry[] = [];
    for (const bytes of envelopes) {
      const record = unsealEntry(bytes);
      if (this.roster.has(record.hash)) continue;
      entries.push(await verifyEntry(record, bytes, this.roster.mesh));
    }
    const { uselessCount } = this.#keepEntries(entries, source);
    return { verifiedCount: entries.length, uselessCount };
  }

  /** As `acceptEntries`. Facts of anybody but a member are useless. */
  async acceptFacts(envelopes: readonly Uint8Array[], source: unknown): Promise<Acceptance> {
    const fresh: NodeFacts[] = [];
    let uselessCount = 0;
    for (const bytes of envelopes) {
      const record = unsealFacts(bytes);
      const facts = readFacts(record, bytes, this.roster.mesh);
      if (!this.roster.isMember(facts.peer)) uselessCount++;
      else if (isNewer(facts, this.#facts.get(facts.peer))) {
        await verifyFacts(record);
        fresh.push(facts);
      }
    }
    this.#keepFacts(fresh, source);
    return { verifiedCount: fresh.length, uselessCount };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#issuing.then(work);
    this.#issuing = done.catch(() => {});
    return done;
  }

  #keepEntries(entries: readonly RosterEntry[], source: unknown) {
    const addition = this.roster.add(entries, (kept) => this.#options.store.putEntries(kept));
    if (addition.kept.length === 0) return addition;
    const gone = this.facts().filter(({ peer }) => !this.roster.isMember(peer));
    for (const { peer } of gone) this.#facts.delete(peer);
    this.#tell({ entries: addition.kept, facts: [], source });
    if (gone.length > 0) this.#options.store.dropFacts(gone.map(({ peer }) => peer));
    return addition;
  }

  #keepFacts(candidates: readonly NodeFacts[], source: unknown): void {
    const facts = candidates.filter(
      (one) => this.roster.isMember(one.peer) && isNewer(one, this.#facts.get(one.peer)),
    );
    if (facts.length === 0) return;
    this.#options.store.putFacts(facts);
    for (const one of facts) this.#facts.set(one.peer, one);
    this.#tell({ entries: [], facts, source });
  }

  #tell(change: LedgerChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
