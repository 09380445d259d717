/** Tells people what changes in the mesh: as events to whoever follows, and in the log. */
import type { Log } from "../../src/kernel/ports.ts";
import type { Newcomer } from "./enrolments.ts";
import type { MeshEvents } from "./events.ts";
import type { NamePins } from "./name-pins.ts";
import type { LedgerChange, RosterLedger } from "./roster-ledger.ts";

export interface MeshNewsInput {
  readonly ledger: RosterLedger;
  readonly events: MeshEvents;
  readonly log: Log;
  /** Learns whose name each name is. */
  readonly names: Pick<NamePins, "heard">;
  /** Of a peer that enrolled at this node. */
  newcomer(peerId: string): Newcomer | undefined;
}

export class MeshNews {
  readonly #use: MeshNewsInput;
  /** Of each node: the last name, and the highest head of its audit. */
  readonly #told = new Map<string, { readonly name: string; readonly seq: number }>();
  readonly #shortened = new Set<string>();

  constructor(use: MeshNewsInput) {
    this.#use = use;
    for (const { peer, name, audit } of use.ledger.facts()) {
      this.#told.set(peer, { name, seq: audit?.seq ?? 0 });
      this.#nameHeard(peer, name);
    }
  }

  /** Names of nodes whose audit head has gone back since this node runs. */
  shortenedAudits(): readonly string[] {
    return [...this.#shortened].map((peerId) => this.#nameOf(peerId) ?? peerId);
  }

  connection(peer: string, connected: boolean): void {
    const name = this.#nameOf(peer);
    this.#use.events.tell({ event: connected ? "connected" : "disconnected", peerId: peer, name });
    this.#use.log.info(connected ? "A node is connected" : "A node is no longer connected", {
      node: name,
      peer,
    });
  }

  changed({ entries, facts }: Pick<LedgerChange, "entries" | "facts">): void {
    const { events } = this.#use;
    for (const subject of new Set(entries.map((entry) => entry.subject))) this.#member(subject, entries);
    for (const { peer, name, audit } of facts) {
      this.#nameHeard(peer, name);
      const before = this.#told.get(peer);
      this.#told.set(peer, { name, seq: Math.max(audit?.seq ?? 0, before?.seq ?? 0) });
      if (before !== undefined && before.name !== name) events.tell({ event: "renamed", peerId: peer, name });
      if (before !== undefined && audit !== undefined && audit.seq < before.seq) this.#shortened.add(peer);
    }
  }

  #member(peer: string, entries: LedgerChange["entries"]): void {
    const { ledger, events, log, newcomer } = this.#use;
    const role = ledger.roster.role(peer);
    const name = this.#nameOf(peer);
    if (role === undefined) return;
    if (role === "removed") {
      events.tell({ event: "removed", peerId: peer, name });
      log.info("A node was removed from the mesh", { node: name, peer });
    } else if (isNew(peer, entries)) {
      const words = newcomer(peer)?.words;
      events.tell({ event: "joined", peerId: peer, name, role, words });
      log.info("A node joined the mesh", { node: name, peer, role, words: words?.join(" ") });
    } else {
      events.tell({ event: "role", peerId: peer, name, role });
      log.info("A node has another role in the mesh", { node: name, peer, role });
    }
  }

  #nameHeard(peer: string, name: string): void {
    if (this.#use.ledger.roster.isMember(peer)) this.#use.names.heard(name, peer);
  }

  /** A newcomer has told no facts yet, but said its name as it came. */
  #nameOf(peerId: string): string | undefined {
    const { ledger, newcomer } = this.#use;
    return ledger.factsOf(peerId)?.name ?? this.#told.get(peerId)?.name ?? newcomer(peerId)?.name;
  }
}

/** All that is said of it is in this change. */
function isNew(subject: string, entries: LedgerChange["entries"]): boolean {
  return entries.some((entry) => entry.subject === subject && entry.supersedes.length === 0);
}
