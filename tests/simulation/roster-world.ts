/**
 * Some nodes, and everything that can go wrong between them: links that break, chunks that are late, partitions,
 * restarts, admins who act without knowing of each other, one who forks, and one who has no say and speaks anyway.
 */
import type { RosterPayload, RosterRole } from "../../modules/networking/roster-entry.ts";
import { signEntry } from "../../modules/networking/roster-entry.ts";
import type { Signer } from "../../modules/networking/signed-record.ts";
import type { Link } from "../../modules/networking/transport.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import type { Delay } from "../networking/memory-links.ts";
import { meshKey, RosterNode, signerOf } from "../networking/roster-node.ts";
import { Dice } from "./dice.ts";

interface Bond {
  readonly a: number;
  readonly b: number;
  readonly link: Link;
}

const nodesCount = 6;
const tickMs = 500;
/** Never an admin; speaks of the last two peers, of whom nobody else does. */
const rogue = 100;
const victims = [101, 102];
const ownFacts = { version: "1", os: "linux", cpu: "x64", addresses: [], labels: {} };

/** Chunks on their way. Those that arrive in the same tick share a timer: thousands of timers would take real time. */
class Post implements Delay {
  readonly #clock: Clock;
  readonly #dice: Dice;
  readonly #due = new Map<number, (() => void)[]>();

  constructor(clock: Clock, dice: Dice) {
    this.#clock = clock;
    this.#dice = dice;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  nextMs(): number {
    return this.#dice.roll(4) * tickMs;
  }

  after(delayMs: number, run: () => void): void {
    const tick = Math.floor((this.monotonicMs() + delayMs) / tickMs) + 1;
    const due = this.#due.get(tick);
    if (due !== undefined) due.push(run);
    else {
      const runs = [run];
      this.#due.set(tick, runs);
      this.#clock.after(tick * tickMs - this.monotonicMs(), () => {
        this.#due.delete(tick);
        for (const one of runs) one();
      });
    }
  }
}

export class RosterWorld {
  readonly clock = simulatedClock();
  readonly dice: Dice;
  readonly nodes: RosterNode[] = [];
  /** Peer ids that may have two entries with one sequence. */
  readonly forkers = new Set<string>();
  /** What was seen that may never be. */
  readonly violations: string[] = [];
  #bonds: Bond[] = [];
  /** The group of each node; those of different groups do not reach each other. */
  #groups: number[] = [];
  readonly #removedSeen = new Map<number, readonly string[]>();
  readonly #signers = new Map<number, Signer>();

  readonly #post: Post;

  constructor(seed: number) {
    this.dice = new Dice(seed);
    this.#post = new Post(this.clock, this.dice);
  }

  /** A founder, and everybody else invited by it. */
  async found(): Promise<void> {
    for (const number of [...Array(nodesCount).keys()].map((at) => at + 1).concat(rogue, victims))
      this.#signers.set(number, await signerOf(number));
    for (let at = 0; at < nodesCount; at++) this.nodes.push(new RosterNode(this.#signer(at + 1), this.clock));
    const founder = this.#node(0);
    await founder.ledger.issue(meshKey, { subject: founder.peerId, role: "admin" });
    for (const [at, { peerId }] of this.nodes.entries())
      if (at > 0) await this.#say(founder, peerId, at < 3 ? "admin" : "operator");
    await this.#say(founder, this.#signer(rogue).peerId, "operator");
    this.#groups = this.nodes.map(() => 0);
  }

  async step(): Promise<void> {
    await this.#deed();
    if (this.dice.chance(15)) this.#groups = this.nodes.map(() => this.dice.roll(2));
    if (this.dice.chance(20)) this.#groups = this.nodes.map(() => 0);
    if (this.dice.chance(15) && this.#bonds.length > 0) this.dice.pick(this.#bonds).link.close();
    if (this.dice.chance(10)) this.#restart(this.dice.roll(nodesCount));
    this.#connect(30);
    await this.clock.advance(this.dice.roll(4_000));
    this.#observe();
  }

  /** No more trouble: everybody reaches everybody, for as long as it takes to compare a few times. */
  async heal(): Promise<void> {
    this.#groups = this.nodes.map(() => 0);
    for (let round = 0; round < 4; round++) {
      this.#connect(50);
      await this.clock.advance(31_000);
      this.#observe();
    }
  }

  stop(): void {
    for (const node of this.nodes) node.sync.stop();
  }

  /** Those whom everything that anybody knows, taken together, calls members. */
  async members(): Promise<readonly RosterNode[]> {
    const union = new RosterNode(meshKey, this.clock);
    for (const node of this.nodes)
      await union.ledger.acceptEntries(
        [...node.roster.index.all()].map(({ envelope }) => envelope),
        "union",
      );
    union.sync.stop();
    return this.nodes.filter(({ peerId }) => union.roster.isMember(peerId));
  }

  async #deed(): Promise<void> {
    const kind = this.dice.roll(100);
    if (kind < 50) await this.#speak();
    else if (kind < 65) await this.#forge();
    else if (kind < 72) await this.#fork();
    else if (kind < 85) await this.#publish(this.dice.pick(this.nodes));
    else await this.#repeat();
  }

  /** Somebody who believes to be an admin says something of somebody. */
  async #speak(): Promise<void> {
    const admins = this.nodes.filter(({ roster, peerId }) => roster.role(peerId) === "admin");
    if (admins.length === 0) return;
    const subject = this.dice.pick(this.nodes).peerId;
    const roles: RosterRole[] = ["observer", "operator", "operator", "admin", "admin"];
    const role = this.dice.chance(6) ? "removed" : this.dice.pick(roles);
    await this.#say(this.dice.pick(admins), subject, role);
  }

  async #say(node: RosterNode, subject: string, role: RosterRole): Promise<void> {
    await node.ledger.issue(node.signer, { subject, role }).catch(expected);
  }

  async #publish(node: RosterNode): Promise<void> {
    await node.ledger.publish(node.signer, { ...ownFacts, name: `n${this.dice.roll(9)}` }).catch(expected);
  }

  /** Well made, well signed, and of nobody who may say it. */
  async #forge(): Promise<void> {
    const signer = this.#signer(rogue);
    const subject = this.#signer(this.dice.pick(victims)).peerId;
    const role = this.dice.pick<RosterRole>(["admin", "operator", "removed"]);
    await this.#inject(signer, { sequence: 1, previous: null, subject, role });
  }

  /** An admin's key says something else with a sequence that it used already, as a copied node would. */
  async #fork(): Promise<void> {
    const forker = this.#node(2);
    const last = forker.roster.chain(forker.peerId).at(-1);
    if (last === undefined) return;
    this.forkers.add(forker.peerId);
    const role = this.dice.pick<RosterRole>(["admin", "observer"]);
    const { sequence, previous } = last;
    await this.#inject(forker.signer, {
      sequence,
      previous,
      subject: this.dice.pick(this.nodes).peerId,
      role,
    });
  }

  async #inject(
    signer: Signer,
    part: Pick<RosterPayload, "sequence" | "previous" | "subject" | "role">,
  ): Promise<void> {
    const payload = { ...part, mesh: meshKey.peerId, issuer: signer.peerId, supersedes: [] };
    const { envelope } = await signEntry(payload, signer);
    await this.dice.pick(this.nodes).ledger.acceptEntries([envelope], "the rogue");
  }

  /** Somebody hears again, out of order, what somebody else knows. */
  async #repeat(): Promise<void> {
    const known = [...this.dice.pick(this.nodes).roster.index.all()].map(({ envelope }) => envelope);
    const from = this.dice.roll(known.length + 1);
    const some = known.slice(from, from + 5).toReversed();
    await this.dice.pick(this.nodes).ledger.acceptEntries(some, "a repetition");
  }

  #connect(percent: number): void {
    const apart = ({ a, b }: Bond) => this.#groups[a] !== this.#groups[b];
    for (const bond of this.#bonds) if (apart(bond)) bond.link.close();
    this.#bonds = this.#bonds.filter(({ link }) => !link.closed.aborted);
    for (let a = 0; a < nodesCount; a++) {
      for (let b = 0; b < nodesCount; b++) {
        if (a === b || this.#groups[a] !== this.#groups[b] || !this.dice.chance(percent)) continue;
        if (this.#bonds.some((bond) => bond.a === a && bond.b === b)) continue;
        const [one, other] = [this.#node(a), this.#node(b)];
        // As the handshake would: nobody talks to a key that it knows to be removed.
        if (one.roster.isRemoved(other.peerId) || other.roster.isRemoved(one.peerId)) continue;
        this.#bonds.push({ a, b, link: one.connect(other, this.#post).out });
      }
    }
  }

  /** A crash: what is left is the store. */
  #restart(at: number): void {
    const old = this.#node(at);
    for (const bond of this.#bonds) if (bond.a === at || bond.b === at) bond.link.close();
    old.sync.stop();
    this.nodes[at] = new RosterNode(old.signer, this.clock, old.store);
  }

  #observe(): void {
    for (const [at, { roster }] of this.nodes.entries()) {
      const removed = roster.removed();
      for (const peer of this.#removedSeen.get(at) ?? [])
        if (!removed.includes(peer) && !this.#isUndone(at, peer))
          this.violations.push(`node ${at + 1} forgot that ${peer} was removed`);
      this.#removedSeen.set(at, removed);
      for (const victim of victims.map((number) => this.#signer(number).peerId))
        if (roster.role(victim) !== undefined) this.violations.push(`node ${at + 1} believed the rogue`);
      for (const issuer of roster.index.issuers()) {
        const isForked = roster.index.countOf(issuer) > roster.index.highest(issuer);
        if (isForked && !this.forkers.has(issuer)) this.violations.push(`${issuer} used a sequence twice`);
      }
    }
  }

  /** A better rank, which did not know, cut whoever had removed it, or made it an admin. */
  #isUndone(at: number, peer: string): boolean {
    const { roster } = this.#node(at);
    const removals = [...roster.index.all()].filter(
      ({ subject, role }) => subject === peer && role === "removed",
    );
    const isAdmin = (id: string) => roster.role(id) === "admin" && !roster.isBroken(id);
    return isAdmin(peer) || removals.every(({ issuer }) => !isAdmin(issuer));
  }

  #node(at: number): RosterNode {
    const node = this.nodes[at];
    if (node === undefined) throw new Error(`There is no node ${at}`);
    return node;
  }

  #signer(number: number): Signer {
    const signer = this.#signers.get(number);
    if (signer === undefined) throw new Error(`There is no key ${number}`);
    return signer;
  }
}

/** What the rules refuse is part of the game. */
function expected(error: unknown): void {
  if (!(error instanceof OperoneError) || error.code === "internal") throw error;
}
