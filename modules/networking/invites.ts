/**
 * Invites: made, listed, revoked, and redeemed by whoever proves that they hold the code. Each admits one peer, and is
 * used on the disk before that peer hears of it, so that a crash at any moment never lets a second one in.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Random } from "../../src/kernel/ports.ts";
import type { RoleName } from "../access/contract.ts";
import { inviteKeyOf } from "./enrolment-proof.ts";
import { encodeInviteCode, secretBytes } from "./invite-code.ts";
import type { InviteRow, InviteStore } from "./invite-store.ts";

export const inviteLimits = {
  openMax: 32,
  /** Closed ones that can still be listed are among these; the oldest go first. */
  keptMax: 256,
  expiresInMsDefault: 10 * 60_000,
  expiresInMsMax: 24 * 60 * 60_000,
  wrongProofsMax: 5,
} as const;

export type InviteState = "open" | "used" | "expired" | "revoked";

export interface Invite {
  readonly id: string;
  readonly role: RoleName;
  readonly confirm: boolean;
  readonly state: InviteState;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Peer id. */
  readonly usedBy?: string;
  readonly usedAtMs?: number;
  /** Wrong proofs; the invite is revoked with the fifth. */
  readonly failedAttempts: number;
}

export interface InviteDraft {
  readonly role: RoleName;
  readonly expiresInMs?: number | undefined;
  readonly confirm?: boolean | undefined;
  readonly inviter: string;
  readonly meshId: string;
  readonly addresses: readonly string[];
}

export interface Attempt {
  readonly inviteId: string;
  /** As the connection's handshake proved it. */
  readonly peerId: string;
  /** Called once, whether or not there is such an invite. */
  proves(key: Uint8Array): boolean;
}

/** An invite that now belongs to the peer. */
export interface Redemption {
  readonly id: string;
  /** For the inviter's own proof. */
  readonly key: Uint8Array;
  readonly role: RoleName;
  readonly expiresAtMs: number;
  /** A person must still say yes. */
  readonly unconfirmed: boolean;
}

export interface InvitesInput {
  readonly store: InviteStore;
  readonly clock: Clock;
  readonly random: Random;
}

/** Takes the place of an unknown invite's key, so that an unknown id costs what a wrong proof does. */
const nobodysKey = new Uint8Array(32);

export class Invites {
  readonly #use: InvitesInput;

  constructor(use: InvitesInput) {
    this.#use = use;
  }

  /**
   * The code is shown once and kept nowhere.
   *
   * @throws OperoneError `limited` when 32 are open, `invalid_input` for a life of no or more than 24 hours
   */
  create(draft: InviteDraft): { readonly invite: Invite; readonly code: string } {
    const { store, clock, random } = this.#use;
    const { role, confirm = false, inviter, meshId, addresses } = draft;
    const nowMs = clock.nowMs();
    const expiresAtMs = expiryOf(nowMs, draft.expiresInMs);
    if (store.live(nowMs).filter(({ usedBy }) => usedBy === null).length >= inviteLimits.openMax)
      throw new OperoneError(
        "limited",
        `${inviteLimits.openMax} invites are open, which is the most; revoke one, or wait until one expires`,
      );
    const secret = random.bytes(secretBytes);
    const { id, key } = inviteKeyOf(secret);
    const code = encodeInviteCode({ inviter, meshId, secret, role, expiresAtMs, addresses });
    const row: InviteRow = {
      id,
      key: Buffer.from(key),
      role,
      confirm,
      createdAtMs: nowMs,
      expiresAtMs,
      failedAttempts: 0,
      usedBy: null,
      usedAtMs: null,
      confirmedAtMs: null,
      revokedAtMs: null,
    };
    store.insert(row, inviteLimits.keptMax);
    return { invite: viewOf(row, nowMs), code };
  }

  /** Newest first. */
  list(): readonly Invite[] {
    const nowMs = this.#use.clock.nowMs();
    return this.#use.store.list().map((row) => viewOf(row, nowMs));
  }

  /**
   * Closes an open invite; a used one is not answered again, and what it has already admitted stays a member.
   *
   * @throws OperoneError `not_found`
   */
  revoke(id: string): Invite {
    const { store, clock } = this.#use;
    const nowMs = clock.nowMs();
    store.revoke(id, nowMs);
    const row = store.byId(id);
    if (row !== undefined) return viewOf(row, nowMs);
    throw new OperoneError("not_found", `There is no invite "${id}"; "operone invite --list" shows them`);
  }

  /** Whether the peer could get anything from an enrolment: an invite is open, or one is its own already. */
  admits(peerId: string): boolean {
    const nowMs = this.#use.clock.nowMs();
    return this.#use.store.live(nowMs).some((row) => isRedeemable(row, peerId, nowMs));
  }

  /**
   * Makes the invite this peer's on the disk, then returns. The same peer may come again while the invite lives, for
   * an answer that was lost. Undefined, without a reason, for an invite that is unknown, expired, revoked or another
   * peer's, and for a wrong proof, of which the fifth revokes an open invite.
   */
  redeem({ inviteId, peerId, proves }: Attempt): Redemption | undefined {
    const { store, clock } = this.#use;
    const nowMs = clock.nowMs();
    const row = store.byId(inviteId);
    const proven = proves(row?.key ?? nobodysKey);
    if (row === undefined) return undefined;
    if (!proven) {
      store.fail(row.id, inviteLimits.wrongProofsMax, nowMs);
      return undefined;
    }
    if (!isRedeemable(row, peerId, nowMs)) return undefined;
    if (row.usedBy === null && !store.consume(row.id, peerId, nowMs)) return undefined;
    const { id, key, role, expiresAtMs, confirm, confirmedAtMs } = row;
    return { id, key, role, expiresAtMs, unconfirmed: confirm && confirmedAtMs === null };
  }

  /** A person said yes. @throws OperoneError `conflict` when the invite was revoked or has expired meanwhile */
  confirm(id: string): void {
    const { store, clock } = this.#use;
    const nowMs = clock.nowMs();
    const live = (store.byId(id)?.expiresAtMs ?? 0) > nowMs;
    if (live && store.confirm(id, nowMs)) return;
    throw new OperoneError("conflict", `The invite "${id}" was revoked or has expired; make a new one`);
  }
}

/** Codes carry whole seconds. @throws OperoneError `invalid_input` */
export function expiryOf(nowMs: number, expiresInMs: number = inviteLimits.expiresInMsDefault): number {
  if (expiresInMs > 0 && expiresInMs <= inviteLimits.expiresInMsMax)
    return Math.ceil((nowMs + expiresInMs) / 1_000) * 1_000;
  throw new OperoneError(
    "invalid_input",
    `An invite cannot live for ${expiresInMs} ms; choose up to 24 hours (${inviteLimits.expiresInMsMax} ms)`,
  );
}

function stateOf(row: InviteRow, nowMs: number): InviteState {
  if (row.revokedAtMs !== null) return "revoked";
  if (row.usedBy !== null) return "used";
  return row.expiresAtMs <= nowMs ? "expired" : "open";
}

function isRedeemable(row: InviteRow, peerId: string, nowMs: number): boolean {
  const state = stateOf(row, nowMs);
  return state === "open" || (state === "used" && row.usedBy === peerId && row.expiresAtMs > nowMs);
}

function viewOf(row: InviteRow, nowMs: number): Invite {
  const { id, role, confirm, createdAtMs, expiresAtMs, failedAttempts, usedBy, usedAtMs } = row;
  return {
    id,
    role,
    confirm,
    state: stateOf(row, nowMs),
    createdAtMs,
    expiresAtMs,
    failedAttempts,
    ...(usedBy === null ? {} : { usedBy }),
    ...(usedAtMs === null ? {} : { usedAtMs }),
  };
}
