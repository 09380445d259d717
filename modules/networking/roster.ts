/** Who belongs to the mesh, and as what: a set of signed entries, and what `stateOf` reads from it. */
import { OperoneError } from "../../src/kernel/error.ts";
import { type RoleName, roleNames } from "../access/contract.ts";
import { between, endOf, farthest, fork, hasMoreBeyond, missing, walk } from "./roster-chain.ts";
import type { RosterEntry, RosterPayload, RosterRole } from "./roster-entry.ts";
import { RosterIndex } from "./roster-index.ts";
import { Intake } from "./roster-intake.ts";
import { rosterLimits } from "./roster-limits.ts";
import { type Room, RoomLeft, roomOf } from "./roster-room.ts";
import { type RosterState, stateOf } from "./roster-state.ts";

export interface Addition {
  /** New and kept, also those that waited for their issuer, in an order in which anybody can take them. */
  readonly kept: readonly RosterEntry[];
  /** Not kept: their issuer is no admin as far as is known, or a limit is reached. */
  readonly uselessCount: number;
}

export interface Member {
  readonly peerId: string;
  readonly role: RoleName;
}

export interface Statement {
  readonly issuer: string;
  readonly subject: string;
  readonly role: RosterRole;
  /** The last entry of the subject that is still trusted; the last that is known unless given. */
  readonly lastValid?: number;
}

/** Entries must have been verified; none is verified here. */
export class Roster {
  /** Peer id of the mesh key. */
  readonly mesh: string;
  readonly #index = new RosterIndex();
  /** The mesh key, and whoever an entry of theirs names admin; not whether that entry counts. */
  readonly #issuers: Set<string>;
  readonly #pending = new Map<string, RosterEntry>();
  #state: RosterState | undefined;

  constructor(mesh: string) {
    this.mesh = mesh;
    this.#issuers = new Set([mesh]);
  }

  /**
   * @param commit gets what will be kept, before it holds; when it throws, nothing was added
   */
  add(entries: Iterable<RosterEntry>, commit: (kept: readonly RosterEntry[]) => void = () => {}): Addition {
    return this.#take(entries, commit, () => this.#room());
  }

  /** What was kept in an earlier life, whatever room there would be for it now. */
  restore(entries: Iterable<RosterEntry>): void {
    this.#take(entries, () => {}, undefined);
  }

  #take(
    entries: Iterable<RosterEntry>,
    commit: (kept: readonly RosterEntry[]) => void,
    room: (() => Room) | undefined,
  ): Addition {
    const intake = new Intake(
      { mesh: this.mesh, index: this.#index, issuers: this.#issuers, pending: this.#pending, room },
      entries,
    );
    const { kept, uselessCount } = intake;
    if (kept.length > 0) {
      commit(kept);
      this.#state = undefined;
    }
    for (const entry of kept) {
      this.#index.add(entry);
      this.#pending.delete(entry.hash);
    }
    for (const issuer of intake.issuers) this.#issuers.add(issuer);
    for (const entry of intake.waiting.values()) this.#wait(entry);
    return { kept, uselessCount };
  }

  /** True also for an entry that only waits. */
  has(hash: string): boolean {
    return this.#index.get(hash) !== undefined || this.#pending.has(hash);
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** All that are kept, for reading alone. */
  get index(): Omit<RosterIndex, "add"> {
    return this.#index;
  }

  /** Undefined for whoever no entry that counts speaks of. */
  role(peerId: string): RosterRole | undefined {
    const { removed, roles } = this.#read();
    return removed.has(peerId) ? "removed" : roles.get(peerId);
  }

  isMember(peerId: string): boolean {
    return this.#read().roles.has(peerId);
  }

  isRemoved(peerId: string): boolean {
    return this.#read().removed.has(peerId);
  }

  /** By peer id. */
  members(): readonly Member[] {
    return [...this.#read().roles]
      .map(([peerId, role]) => ({ peerId, role }))
      .toSorted((a, b) => (a.peerId < b.peerId ? -1 : 1));
  }

  /** Peer ids, in no order. */
  memberIds(): Iterable<string> {
    return this.#read().roles.keys();
  }

  /** Peer ids, sorted. The mesh key is not among them: it is no node. */
  admins(): readonly string[] {
    return this.members().flatMap(({ peerId, role }) => (role === "admin" ? [peerId] : []));
  }

  /** Peer ids, sorted. */
  removed(): readonly string[] {
    return [...this.#read().removed].toSorted();
  }

  /** The statements that hold of the subject. More than one: admins spoke without knowing of each other. */
  heads(subject: string): readonly RosterEntry[] {
    return this.#read().heads.get(subject) ?? [];
  }

  /** The issuer's entries without a gap or a fork, from the first on. */
  chain(issuer: string): readonly RosterEntry[] {
    return [...walk(this.#index, issuer, undefined)].filter((entry) => entry !== fork);
  }

  /** Whether what this admin said is forked or incomplete here, so that it cannot go on. */
  isBroken(peerId: string): boolean {
    const standing = this.#read().standing.get(peerId);
    if (standing?.isForked === true) return true;
    const tip = standing === undefined ? this.#endOf(peerId) : standing.tip;
    return hasMoreBeyond(this.#index, peerId, tip);
  }

  /**
   * The issuer's next entry, to be signed.
   *
   * @throws OperoneError `forbidden` (the issuer is no admin, or ranks behind an admin who is to be less),
   *   `invalid_input` (the mesh key or itself as subject), `conflict` (the subject was removed; the issuer's chain is
   *   forked or has a gap here), `limited`
   */
  next(statement: Statement): RosterPayload {
    const { issuer, subject, role } = statement;
    this.#checkIssuer(issuer);
    this.#checkSubject(statement);
    const before = this.#before(issuer);
    const sequence = (before?.sequence ?? 0) + 1;
    if (sequence > rosterLimits.entriesPerIssuerMax || !this.#hasRoom(issuer)) throw full(issuer);
    return {
      mesh: this.mesh,
      issuer,
      sequence,
      previous: before?.hash ?? null,
      subject,
      role,
      supersedes: this.#supersedes(subject),
      ...(subject === issuer ? {} : pinOf(this.#lastValid(statement))),
    };
  }

  /** The issuer's entry that its next one follows. @throws OperoneError `conflict` */
  #before(issuer: string): RosterEntry | undefined {
    if (issuer === this.mesh) {
      // All that the mesh key says counts, so a fork of it, by two who used the phrase apart, needs no mending.
      const highest = this.#index.highest(issuer);
      return this.#index.issued(issuer, highest, highest)[0];
    }
    const tip = this.#read().standing.get(issuer)?.tip;
    if (this.isBroken(issuer)) throw brokenChain(issuer, (tip?.sequence ?? 0) + 1);
    return tip;
  }

  /** Of a promotion: where the subject goes on from. Else what still counts of it, or less of that. */
  #lastValid({ issuer, subject, role, lastValid }: Statement): RosterEntry | undefined {
    if (role === "admin") return this.#endOf(subject);
    const { lastCounted, standing } = this.#read();
    const last = lastCounted.get(subject);
    // The mesh key alone says which branch of a fork holds: the longest.
    if (issuer === this.mesh && standing.get(subject)?.isForked === true)
      return farthest(this.#index, subject, standing.get(subject)?.tip) ?? last;
    if (lastValid === undefined || last === undefined) return last;
    const valid = between(this.#index, undefined, last);
    return valid === missing ? undefined : valid[lastValid - 1];
  }

  #endOf(issuer: string): RosterEntry | undefined {
    return endOf(this.#index, issuer, this.#read().lastCounted.get(issuer));
  }

  /** The lowest roles first: while one of them stands, the subject has no more. */
  #supersedes(subject: string): string[] {
    return this.heads(subject)
      .toSorted((a, b) => rank(a.role) - rank(b.role) || (a.hash < b.hash ? -1 : 1))
      .slice(0, rosterLimits.supersedesMax)
      .map(({ hash }) => hash)
      .toSorted();
  }

  #checkIssuer(issuer: string): void {
    if (issuer === this.mesh || this.role(issuer) === "admin") return;
    const role = this.role(issuer) ?? "no member";
    throw new OperoneError(
      "forbidden",
      `Only an admin changes the roster, and ${issuer} is ${role}; ask an admin, or use the recovery phrase`,
    );
  }

  #checkSubject({ issuer, subject, role }: Statement): void {
    if (subject === this.mesh)
      throw new OperoneError("invalid_input", `${subject} is the mesh key, which has no role; name a node`);
    if (role === "admin" && subject === issuer)
      throw new OperoneError("invalid_input", `${subject} cannot make itself an admin; another admin can`);
    if (role !== "removed" && this.isRemoved(subject))
      throw new OperoneError(
        "conflict",
        `${subject} was removed, and a removed key never returns; let that machine join again with a new key`,
      );
    const { standing } = this.#read();
    const [own, other] = [standing.get(issuer)?.rank ?? 0, standing.get(subject)?.rank];
    if (role !== "admin" && other !== undefined && other < own) throw outranked(issuer, subject);
  }

  #room(): Room {
    return roomOf(this.mesh, this.#index, this.#read().standing);
  }

  #hasRoom(issuer: string): boolean {
    if (this.#index.size < rosterLimits.entriesMax)
      return this.#index.countOf(issuer) < rosterLimits.entriesPerIssuerMax;
    return new RoomLeft(this.#room()).has(issuer);
  }

  #wait(entry: RosterEntry): void {
    this.#pending.set(entry.hash, entry);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > rosterLimits.pendingMax && oldest !== undefined) this.#pending.delete(oldest);
  }

  #read(): RosterState {
    this.#state ??= stateOf(this.mesh, this.#index);
    return this.#state;
  }
}

const rank = (role: RosterRole): number => (role === "removed" ? -1 : roleNames.indexOf(role));

const pinOf = (last: RosterEntry | undefined): Pick<RosterPayload, "lastValid" | "lastHash"> =>
  last === undefined ? {} : { lastValid: last.sequence, lastHash: last.hash };

function outranked(issuer: string, subject: string): OperoneError {
  return new OperoneError(
    "forbidden",
    `${subject} became an admin before ${issuer}, so its role is not for ${issuer} to take; do it on an admin that was there first, or use the recovery phrase here ("operone recover"), which puts this node before all others`,
  );
}

function brokenChain(issuer: string, sequence: number): OperoneError {
  return new OperoneError(
    "conflict",
    `The entries of ${issuer} are forked or incomplete here from number ${sequence} on, so another one would not count; wait until the other nodes have sent what is missing, let another admin speak, or use the recovery phrase here ("operone recover")`,
  );
}

function full(issuer: string): OperoneError {
  const { entriesMax, entriesPerIssuerMax } = rosterLimits;
  return new OperoneError(
    "limited",
    `The roster takes ${entriesPerIssuerMax} entries of one issuer and ${entriesMax} in all, and ${issuer} can add no more; let another admin speak, or use the recovery phrase`,
  );
}
