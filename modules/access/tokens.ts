/** Tokens: made, listed, revoked, and matched against what a caller presents. Secrets are kept as digests only. */

import type { Grant, GrantSet } from "../../src/kernel/authority.ts";
import { dayMs, spanMs } from "../../src/kernel/duration.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { sha256, timingSafeEqual } from "../../src/kernel/hash.ts";
import type { Clock, Log, Random } from "../../src/kernel/ports.ts";
import type { Identity } from "./contract.ts";
import {
  assertAccepted,
  assertAsksCount,
  checkedGrant,
  type GrantDraft,
  grantOut,
  nodesOf,
  type Permissions,
  restoredGrant,
  textOf,
  warningsOf,
} from "./grants.ts";
import { randomId, randomSecret } from "./ids.ts";
import { limits } from "./limits.ts";
import { type RoleName, roleGrants, roleOf } from "./roles.ts";
import type { CreatedToken, TokenOut } from "./shapes.ts";
import type { StoredGrant, TokenRow, TokenStore } from "./token-store.ts";
import { Uses } from "./uses.ts";

const idLength = 10;
const tokenText = /^opt_([a-z2-9]{10})_[A-Za-z0-9_-]{43}$/;
/** Compared when there is nothing to compare with, so that an unknown id takes as long as a wrong secret. */
const nobodysDigest = new Uint8Array(32);

export interface TokenDraft {
  readonly name: string;
  readonly grants: readonly GrantDraft[];
  readonly role?: RoleName | undefined;
  /** Where its grants and its role count: names, peer ids, `self`, or `*` alone. Absent: here. */
  readonly nodes?: readonly string[] | undefined;
  /** `30d`, or `never`. */
  readonly expiresIn: string;
  readonly agent: boolean;
  readonly acceptWarnings: boolean;
  /** False: no secret that anybody knows belongs to it. Only for agents. */
  readonly bearer?: boolean | undefined;
}

export interface TokensInput {
  readonly store: TokenStore;
  readonly permissions: Permissions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told after a token has ended, for whatever else is bound to it. */
  ended(id: string): void;
  /** Told when somebody holds other rights than before. */
  changed(): void;
}

interface LiveToken {
  readonly row: TokenRow;
  readonly controller: AbortController;
  sets: readonly GrantSet[];
}

export class Tokens {
  readonly #use: TokensInput;
  readonly #live = new Map<string, LiveToken>();
  readonly #uses: Uses;
  #stopTimer = () => {};

  constructor(use: TokensInput) {
    this.#use = use;
    const { clock, log, store } = use;
    this.#uses = new Uses({ clock, log, write: (uses) => store.setUses(uses) });
    for (const row of use.store.list(false)) this.#remember(row);
  }

  /** Ends what has expired, now and from now on. Until then an expired token is refused, but not yet marked. */
  watchExpiry(): void {
    this.#sweep();
  }

  /** @throws OperoneError `conflict` for a name in use, `limited`, and what `checkedGrant` throws */
  create(draft: TokenDraft): CreatedToken {
    const { store, permissions, clock, random } = this.#use;
    this.#sweep();
    const nowMs = clock.nowMs();
    const nodes = nodesOf(draft.nodes);
    const everywhere = nodes === undefined ? {} : { nodes };
    const grants = draft.grants.map((grant) => checkedGrant({ ...everywhere, ...grant }, permissions));
    const role = draft.role ?? null;
    const together = [...roleGrants({ role, nodes: textOf(nodes) }), ...grants];
    const warnings = warningsOf(together, permissions);
    assertAsksCount(together);
    assertAccepted(warnings, draft.acceptWarnings);
    this.#assertRoom(draft.name, grants.length);
    const id = randomId(random, idLength);
    const token = `opt_${id}_${randomSecret(random)}`;
    const row: TokenRow = {
      id,
      name: draft.name,
      agent: draft.agent,
      role,
      nodes: textOf(nodes),
      digest: Buffer.from(digestOf(token)),
      createdAtMs: nowMs,
      expiresAtMs: draft.expiresIn === "never" ? null : nowMs + spanMs(draft.expiresIn),
      endedAtMs: null,
      endedBy: null,
      bearer: draft.bearer ?? true,
      lastUsedAtMs: null,
    };
    store.insert(
      row,
      grants.map((grant) => ({ id: randomId(random, idLength), origin: "token", grant })),
    );
    this.#remember(row);
    this.#arm();
    this.#use.changed();
    return { ...this.#view(row), token, warnings: [...warnings] };
  }

  /** Newest first. */
  list(all: boolean): TokenOut[] {
    this.#sweep();
    return this.#use.store.list(all).map((row) => this.#view(row));
  }

  /** By id, or by the name of a live token. @throws OperoneError `not_found` */
  show(ref: string): TokenOut {
    this.#sweep();
    return this.#view(this.#find(ref));
  }

  /** Ends the token and every call that runs under it. Revoking one that has ended changes nothing. */
  revoke(ref: string): TokenOut {
    this.#sweep();
    const row = this.#find(ref);
    if (row.endedAtMs === null) this.#end(row, "revoked");
    return this.show(row.id);
  }

  /** More rights for a live agent. @throws OperoneError `not_found`, `limited`, and what `checkedGrant` throws */
  grantAgent(
    ref: string,
    drafts: readonly GrantDraft[],
    nodeNames: readonly string[],
    acceptWarnings: boolean,
  ): TokenOut {
    const { store, permissions, clock, random } = this.#use;
    const live = this.#liveAgent(ref);
    const { row } = live;
    const held = store.grantsOf(row.id).map(({ grant }) => grant);
    const nodes = nodesOf(nodeNames);
    const everywhere = nodes === undefined ? {} : { nodes };
    const added = drafts.map((draft) => checkedGrant({ ...everywhere, ...draft }, permissions));
    assertAsksCount([...roleGrants(row), ...held, ...added]);
    assertAccepted(warningsOf(added, permissions), acceptWarnings);
    if (held.length + added.length > limits.grantsPerTokenMax) throw this.#tooManyGrants(row.name);
    for (const grant of added)
      store.addGrant(row.id, { id: randomId(random, idLength), origin: "token", grant }, clock.nowMs());
    live.sets = this.#setsOf(row);
    return this.#view(row);
  }

  /** A new secret for a live agent. What runs under it ends, because nobody can tell with which secret it came. */
  renewAgent(ref: string): CreatedToken {
    const { store, random } = this.#use;
    const { row, controller } = this.#liveAgent(ref);
    const token = `opt_${row.id}_${randomSecret(random)}`;
    const renewed: TokenRow = { ...row, bearer: true, digest: Buffer.from(digestOf(token)) };
    store.setDigest(row.id, renewed.digest);
    this.#remember(renewed);
    controller.abort(
      new OperoneError("unauthenticated", `The token of the agent "${row.name}" was replaced`),
    );
    return { ...this.#view(renewed), token, warnings: [] };
  }

  /** A live agent by name or id. @throws OperoneError `not_found` for a token of no agent, too */
  showAgent(ref: string): TokenOut {
    return this.#view(this.#liveAgent(ref).row);
  }

  removeAgent(ref: string): TokenOut {
    return this.revoke(this.#liveAgent(ref).row.id);
  }

  /** An allow that the owner gave while answering an approval. @throws OperoneError `conflict` for an ended token */
  addGrant(tokenId: string, draft: GrantDraft): TokenOut {
    const { store, permissions, clock, random } = this.#use;
    const live = this.#live.get(tokenId);
    if (live === undefined) {
      throw new OperoneError("conflict", `The token "${tokenId}" has ended, so it can be given nothing`);
    }
    if (store.grantsOf(tokenId).length >= limits.grantsPerTokenMax) throw this.#tooManyGrants(live.row.name);
    const grant = checkedGrant(draft, permissions);
    store.addGrant(tokenId, { id: randomId(random, idLength), origin: "approval", grant }, clock.nowMs());
    live.sets = this.#setsOf(live.row);
    this.#use.changed();
    return this.#view(live.row);
  }

  /** @throws OperoneError `not_found` */
  removeGrant(ref: string, grantId: string): TokenOut {
    const row = this.#find(ref);
    if (!this.#use.store.removeGrant(row.id, grantId)) {
      throw new OperoneError(
        "not_found",
        `The token "${row.name}" has no grant "${grantId}"; "operone access token-show ${row.name}" lists them. What a role grants goes with the token`,
      );
    }
    const live = this.#live.get(row.id);
    if (live !== undefined) live.sets = this.#setsOf(row);
    this.#use.changed();
    return this.#view(row);
  }

  /** Undefined for anything but a live token. Each wrong one costs one digest and one comparison. */
  authenticate(token: string): Identity | undefined {
    const [, id = ""] = tokenText.exec(token) ?? [];
    const live = this.#live.get(id);
    const equal = timingSafeEqual(digestOf(token), live?.row.digest ?? nobodysDigest);
    if (!equal || live === undefined || !live.row.bearer) return undefined;
    if (this.#hasExpired(live.row)) {
      this.#sweep();
      return undefined;
    }
    this.#uses.mark(live.row.id);
    return identityOf(live);
  }

  /** A live agent by its name; a token that is for no agent is none. @throws OperoneError `not_found` */
  agentCaller(name: string): Identity {
    const live = this.#liveAgent(name);
    if (live.row.name !== name) throw noAgent(name);
    this.#uses.mark(live.row.id);
    return identityOf(live);
  }

  /** Undefined when it never expires, or is no live token. */
  expiryOf(id: string): number | undefined {
    return this.#live.get(id)?.row.expiresAtMs ?? undefined;
  }

  isLive(id: string): boolean {
    return this.#live.has(id);
  }

  close(): void {
    this.#stopTimer();
    this.#uses.write();
  }

  #remember(row: TokenRow): void {
    this.#live.set(row.id, { row, controller: new AbortController(), sets: this.#setsOf(row) });
  }

  /** No grant outlives its token, even where its set is stored for background work. */
  #setsOf(row: TokenRow): readonly GrantSet[] {
    const { store, permissions } = this.#use;
    const own = store.grantsOf(row.id).flatMap(({ grant }) => restoredGrant(grant, permissions) ?? []);
    const grants = [...roleGrants(row), ...own].map((grant): Grant => {
      const expiresAtMs = Math.min(
        grant.expiresAtMs ?? Number.POSITIVE_INFINITY,
        row.expiresAtMs ?? Number.POSITIVE_INFINITY,
      );
      return Number.isFinite(expiresAtMs) ? { ...grant, expiresAtMs } : grant;
    });
    if (!row.agent) return [{ holder: `token ${row.name}`, owner: false, grants }];
    const widen = `the owner can grant it with "operone agent grant ${row.name} --grant PERMISSION=SCOPE"`;
    return [{ holder: `agent ${row.name}`, owner: false, grants, widen }];
  }

  #liveAgent(ref: string): LiveToken {
    this.#sweep();
    for (const live of this.#live.values())
      if (live.row.agent && (live.row.name === ref || live.row.id === ref)) return live;
    throw noAgent(ref);
  }

  #find(ref: string): TokenRow {
    const row = this.#use.store.liveByName(ref) ?? this.#use.store.byId(ref);
    if (row !== undefined) return row;
    throw new OperoneError("not_found", `There is no token "${ref}"; "operone access token-list" shows them`);
  }

  #view(row: TokenRow): TokenOut {
    const role = roleOf(row.role);
    const lastUsedAtMs = this.#uses.at(row.id) ?? row.lastUsedAtMs;
    const ofRole = roleGrants(row).map((grant) => ({ origin: "role" as const, ...grantOut(grant) }));
    const own = this.#use.store.grantsOf(row.id).map(({ id, origin, grant }: StoredGrant) => ({
      id,
      origin,
      ...grantOut(grant),
    }));
    return {
      id: row.id,
      name: row.name,
      kind: row.agent ? "agent" : "token",
      ...(role === undefined ? {} : { role: role.name }),
      grants: [...ofRole, ...own],
      bearer: row.bearer,
      createdAtMs: row.createdAtMs,
      ...(lastUsedAtMs === null ? {} : { lastUsedAtMs }),
      ...(row.expiresAtMs === null ? {} : { expiresAtMs: row.expiresAtMs }),
      ...(row.endedAtMs === null ? {} : { endedAtMs: row.endedAtMs }),
      ...(row.endedBy === null ? {} : { endedBy: row.endedBy }),
    };
  }

  #assertRoom(name: string, grants: number): void {
    const { store } = this.#use;
    if (store.liveByName(name) !== undefined) {
      throw new OperoneError(
        "conflict",
        `There is a live token "${name}" already; take another name, or revoke that one first`,
      );
    }
    if (store.liveCount() >= limits.tokensMax) {
      throw new OperoneError(
        "limited",
        `There are ${limits.tokensMax} live tokens, which is the most; revoke one that is not needed`,
      );
    }
    if (grants > limits.grantsPerTokenMax) throw this.#tooManyGrants(name);
  }

  #tooManyGrants(name: string): OperoneError {
    return new OperoneError(
      "limited",
      `"${name}" would have more than ${limits.grantsPerTokenMax} grants; write fewer with wider scopes`,
    );
  }

  #hasExpired({ expiresAtMs }: TokenRow): boolean {
    return expiresAtMs !== null && expiresAtMs <= this.#use.clock.nowMs();
  }

  #sweep(): void {
    for (const { row } of this.#live.values()) {
      if (!this.#hasExpired(row)) continue;
      try {
        this.#end(row, "expired");
      } catch (error) {
        this.#use.log.error("An expired token could not be marked on disk; it is refused all the same", {
          token: row.name,
          error: String(error),
        });
      }
    }
    this.#arm();
  }

  /** Memory first: from here on it is refused, whatever the disk says. Then the disk, so that it stays so. */
  #end(row: TokenRow, by: "revoked" | "expired"): void {
    const live = this.#live.get(row.id);
    this.#live.delete(row.id);
    const what = by === "revoked" ? "was revoked" : "has expired";
    const whose = row.agent ? "agent" : "token";
    live?.controller.abort(new OperoneError("unauthenticated", `The ${whose} "${row.name}" ${what}`));
    this.#use.store.end(row.id, by, this.#use.clock.nowMs());
    this.#use.ended(row.id);
    this.#use.changed();
  }

  /** One timer for the next expiry; at most a day, because longer ones overflow and clocks jump. */
  #arm(): void {
    this.#stopTimer();
    const expiries = [...this.#live.values()].flatMap(({ row }) => row.expiresAtMs ?? []);
    if (expiries.length === 0) return;
    const waitMs = Math.min(...expiries) - this.#use.clock.nowMs();
    this.#stopTimer = this.#use.clock.after(Math.min(Math.max(waitMs, 0), dayMs), () => this.#sweep());
  }
}

function noAgent(name: string): OperoneError {
  return new OperoneError(
    "not_found",
    `There is no agent "${name}"; "operone agents" shows those that there are, and "operone mcp connect" or "operone agent add" makes one`,
  );
}

function identityOf({ row, sets, controller }: LiveToken): Identity {
  return {
    caller: { kind: row.agent ? "agent" : "token", id: row.id, name: row.name },
    sets,
    revoked: controller.signal,
  };
}

function digestOf(token: string): Uint8Array {
  return sha256().update(token).digest();
}
