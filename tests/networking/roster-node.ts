/** A node with a roster, and nothing else: its key, its file in memory, its conversations. */
import { type LedgerStore, RosterLedger } from "../../modules/networking/roster-ledger.ts";
import { RosterSync } from "../../modules/networking/roster-sync.ts";
import { type Signer, signerFromSeed } from "../../modules/networking/signed-record.ts";
import type { Link } from "../../modules/networking/transport.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { type Delay, memoryLink } from "./memory-links.ts";
import { MemoryStore } from "./memory-store.ts";

/** Keys are made once: the same number is the same key everywhere. */
const signers = new Map<number, Promise<Signer>>();
export function signerOf(number: number): Promise<Signer> {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, number);
  const signer = signers.get(number) ?? signerFromSeed(seed);
  signers.set(number, signer);
  return signer;
}

/** The mesh key of every test. */
export const meshKey = await signerOf(0);

export class RosterNode {
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log = simulatedLog();
  readonly outsiders: string[] = [];
  readonly ledger: RosterLedger;
  readonly sync: RosterSync;
  readonly store: LedgerStore;

  /** @param store what an earlier life of this node wrote */
  constructor(signer: Signer, clock: Clock, store: LedgerStore = new MemoryStore()) {
    this.signer = signer;
    this.clock = clock;
    this.store = store;
    this.ledger = new RosterLedger({ mesh: meshKey.peerId, store, clock });
    this.sync = new RosterSync({
      ledger: this.ledger,
      clock,
      log: this.log,
      onOutsider: (peer) => this.outsiders.push(peer),
    });
  }

  get peerId(): string {
    return this.signer.peerId;
  }

  get roster() {
    return this.ledger.roster;
  }

  /** A link that this node dialed; gives both ends. */
  connect(other: RosterNode, delay?: Delay): { readonly out: Link; readonly in: Link } {
    const end = (node: RosterNode) => ({
      peerId: node.peerId,
      serve: (...args: Parameters<RosterSync["serve"]>) => node.sync.serve(...args),
    });
    const link = memoryLink(end(this), end(other), delay);
    other.sync.attach(link.in);
    this.sync.attach(link.out);
    return link;
  }
}

/** What two nodes must agree on. */
export function viewOf(node: RosterNode) {
  return {
    members: node.roster.members(),
    removed: node.roster.removed(),
    entries: [...node.roster.index.all()].map(({ hash }) => hash).toSorted(),
    facts: node.ledger
      .facts()
      .map(({ hash }) => hash)
      .toSorted(),
  };
}
