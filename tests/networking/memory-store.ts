/** What a disk would hold, in memory; a simulated node starts again with it. */
import type { NodeFacts } from "../../modules/networking/facts.ts";
import type { RosterEntry } from "../../modules/networking/roster-entry.ts";
import type { LedgerStore } from "../../modules/networking/roster-ledger.ts";

export class MemoryStore implements LedgerStore {
  readonly #entries = new Map<string, RosterEntry>();
  readonly #facts = new Map<string, NodeFacts>();
  /** Makes the next writes fail, as a full disk would. */
  fail: Error | undefined;

  entries(mesh: string): readonly RosterEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.mesh === mesh);
  }

  facts(mesh: string): readonly NodeFacts[] {
    return [...this.#facts.values()].filter((facts) => facts.mesh === mesh);
  }

  putEntries(entries: readonly RosterEntry[]): void {
    if (this.fail !== undefined) throw this.fail;
    for (const entry of entries) if (!this.#entries.has(entry.hash)) this.#entries.set(entry.hash, entry);
  }

  putFacts(facts: readonly NodeFacts[]): void {
    if (this.fail !== undefined) throw this.fail;
    for (const one of facts) this.#facts.set(one.peer, one);
  }

  dropFacts(peers: readonly string[]): void {
    for (const peer of peers) this.#facts.delete(peer);
  }
}
