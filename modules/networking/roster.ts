/** Who belongs to the mesh, and as what: a set of signed entries, and what `stateOf` reads from it. */
import { OperoneError } from "../../src/kernel/error.ts";
import { type RoleName, roleNames } from "../access/contract.ts";
import type { RosterEntry, RosterPayload, RosterRole } from "./roster-entry.ts";
import { RosterIndex } from "./roster-index.ts";
import { Intake } from "./roster-intake.ts";
import { rosterLimits } from "./roster-limits.ts";
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
    const intake = new Intake(
      { mesh: this.mesh, index: this.#index, issuers: this.#issuers, pending: this.#pending },
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
    return this.#index.chain(issuer);
  }

  /**
   * The issuer's next entry, to be signed.
   *
   * @throws OperoneError `forbidden` (the issuer is no admin), `invalid_input` (the mesh key or itself as subject),
   *   `conflict` (the subject was removed; the issuer's chain is forked or has a gap here), `limited`
   */
  next(statement: Statement): RosterPayload {
    const { issuer, subject, role } = statement;
    this.#checkIssuer(issuer);
    this.#checkSubject(statement);
    const chain = this.chain(issuer);
    const sequence = this.#index.highest(issuer) + 1;
    if (chain.length + 1 !== sequence) throw brokenChain(issuer, chain.length + 1);
    if (sequence > rosterLimits.entriesPerIssuerMax || !this.#hasRoom(issuer)) throw full(issuer);
    const own = subject === issuer ? sequence : this.chain(subject).length;
    const needsLast = role === "removed" || this.#issuers.has(subject);
    return {
      mesh: this.mesh,
      issuer,
      sequence,
      previous: chain.at(-1)?.hash ?? null,
      subject,
      role,
      supersedes: this.#supersedes(subject),
      ...(needsLast ? { lastValid: statement.lastValid ?? own } : {}),
    };
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
  }

  #hasRoom(issuer: string): boolean {
    const { entriesMax, entriesPerIssuerMax } = rosterLimits;
    if (this.#index.countOf(issuer) >= entriesPerIssuerMax) return false;
    return issuer === this.mesh || this.#index.size < entriesMax;
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

function brokenChain(issuer: string, sequence: number): OperoneError {
  return new OperoneError(
    "conflict",
    `The entries of ${issuer} are forked or incomplete here from number ${sequence} on, so another one would not count; wait until the other nodes have sent what is missing, or let another admin speak`,
  );
}

function full(issuer: string): OperoneError {
  const { entriesMax, entriesPerIssuerMax } = rosterLimits;
  return new OperoneError(
    "limited",
    `The roster takes ${entriesPerIssuerMax} entries of one issuer and ${entriesMax} in all, and ${issuer} can add no more; let another admin speak, or use the recovery phrase`,
  );
}
