/**
 * The queue of calls that only an `ask` grant covers. A person answers: `once` (this very call), for the `session`
 * (this caller, operation and permission, until the node stops), by a `pattern` (a grant that is kept), or denies.
 *
 * An `once` is bound to caller, operation and input digest, and is taken durably before its call runs: after a crash
 * or a lost connection the same call finds it, and no second one does. Waiting calls stay in the queue when their
 * caller leaves, until they expire.
 */
import { type Caller, decide, type Grant } from "../../src/kernel/authority.ts";
import { spanOf } from "../../src/kernel/duration.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { Feed } from "../../src/kernel/feed.ts";
import type { ApprovalRequest, Clock, Policy, Random } from "../../src/kernel/ports.ts";
import type { Approval, ApprovalState, ApprovalStore } from "./approval-store.ts";
import { assertAccepted, checkedGrant, type Permissions, warningsOf } from "./grants.ts";
import { randomId } from "./ids.ts";
import { limits } from "./limits.ts";
import { Sessions } from "./sessions.ts";
import type { ApprovalDetail, ApprovalOut } from "./shapes.ts";
import type { Tokens } from "./tokens.ts";
import { Waiters } from "./waiters.ts";

const idLength = 8;

export interface ApprovalsInput {
  readonly store: ApprovalStore;
  readonly tokens: Pick<Tokens, "addGrant" | "isLive">;
  readonly permissions: Permissions;
  readonly clock: Clock;
  readonly random: Random;
  /** From the question to its end, and from an `once` to the repetition that uses it. */
  readonly expiryMs: number;
  /** A denied call that is repeated within this time gets the denial again, and asks nobody. */
  readonly denialHoldMs: number;
}

export class Approvals implements Policy {
  readonly #use: ApprovalsInput;
  readonly #sessions = new Sessions();
  readonly #waiters = new Waiters();
  readonly #feed = new Feed<ApprovalOut>(limits.watchersMax);
  #swept = false;
  #stopTimer = () => {};

  constructor(use: ApprovalsInput) {
    this.#use = use;
  }

  /** @throws OperoneError `forbidden` (denied), `deadline` (nobody answered), `limited`, `too_large` */
  async approve(request: ApprovalRequest, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#use;
    for (;;) {
      signal.throwIfAborted();
      this.#sweep();
      if (this.#sessions.covers(request) || store.take(request, clock.nowMs())) return;
      this.#assertNotDenied(request);
      const { id } = store.pending(request) ?? this.#enqueue(request);
      const answer = this.#waiters.wait(id, signal);
      // If telling the watchers fails, that is the error; the wait must not end as an unhandled second one.
      answer.catch(() => {});
      this.#changed(id);
      if ((await answer) === "go") return;
    }
  }

  /** Newest first. */
  list(pendingOnly: boolean): ApprovalOut[] {
    this.#sweep();
    return this.#use.store.list(pendingOnly).map((approval) => this.#summary(approval));
  }

  /** @throws OperoneError `not_found` */
  show(id: string): ApprovalDetail {
    this.#sweep();
    const approval = this.#find(id);
    const { callId, preview, requests, inputDigest } = approval.request;
    const warnings = warningsOf(this.#asGrants(approval), this.#use.permissions);
    return {
      ...this.#summary(approval),
      callId,
      preview,
      requests: requests.map((request) => ({ ...request })),
      warnings: [...warnings],
      inputDigest,
      ...(approval.reason === undefined ? {} : { reason: approval.reason }),
    };
  }

  /** This very call: one that waits goes on now, otherwise the next repetition does. */
  approveOnce(id: string): ApprovalOut {
    const { store, clock, expiryMs } = this.#use;
    const { request } = this.#pending(id);
    const nowMs = clock.nowMs();
    this.#settle(id, ["pending"], {
      state: "approved",
      approvedFor: "once",
      expiresAtMs: nowMs + expiryMs,
      nowMs,
    });
    const [first, ...others] = this.#waiters.take(id);
    if (first !== undefined) first.answer(store.take(request, nowMs) ? "go" : "again");
    for (const other of others) other.answer("again");
    return this.#changed(id);
  }

  /** The same operation with the same permissions by the same caller, whatever its input, until the node stops. */
  approveSession(id: string): ApprovalOut {
    const { request } = this.#pending(id);
    this.#sessions.add(request);
    this.#releaseCovered(request.caller, "session", (other) => this.#sessions.covers(other));
    return this.#changed(id);
  }

  /**
   * Gives the token an allow grant with this scope. It must cover the call that asks.
   *
   * @throws OperoneError `conflict` when the scope does not cover it or the caller holds no grants here,
   *   `precondition_failed` when the permission's warning was not accepted, and what a grant can be refused for
   */
  approvePattern(id: string, scope: unknown, acceptWarnings: boolean): ApprovalOut {
    const { tokens, permissions } = this.#use;
    const { request } = this.#pending(id);
    const permission = onlyPermission(request);
    const grant = checkedGrant({ permission, scope, decision: "allow" }, permissions);
    if (!this.#covered(request, grant)) {
      throw new OperoneError(
        "conflict",
        `The scope ${JSON.stringify(scope)} does not cover this call; "operone access approval-show ${id}" shows what it asks for`,
      );
    }
    assertAccepted(warningsOf([grant], permissions), acceptWarnings);
    this.#assertToken(request.caller);
    tokens.addGrant(request.caller.id, grant);
    this.#releaseCovered(request.caller, "pattern", (other) => this.#covered(other, grant));
    return this.#changed(id);
  }

  /** Refuses the call, or takes back an `once` that was not used or a session. @throws OperoneError `conflict` */
  deny(id: string, reason: string | undefined): ApprovalOut {
    this.#sweep();
    const { request, state, approvedFor } = this.#find(id);
    if (state === "approved" && approvedFor === "pattern") {
      throw new OperoneError(
        "conflict",
        `The approval "${id}" became a grant of "${request.caller.name}"; take that back with "operone access grant-revoke"`,
      );
    }
    const nowMs = this.#use.clock.nowMs();
    this.#settle(id, ["pending", "approved"], { state: "denied", reason, nowMs });
    if (approvedFor === "session") this.#sessions.remove(request);
    for (const waiter of this.#waiters.take(id)) waiter.refuse(denial(request, 0, reason));
    return this.#changed(id);
  }

  /** What waits now, then everything new and every change. */
  watch(signal: AbortSignal, sharedBy?: string): AsyncGenerator<ApprovalOut> {
    const first = this.list(true).toReversed();
    return this.#feed.follow(
      first.map((approval) => [approval.id, approval]),
      signal,
      sharedBy,
    );
  }

  /** Ends everything that is bound to a token which has ended. */
  forget(tokenId: string): void {
    this.#sessions.forget(tokenId);
    for (const { id, request } of this.#use.store.list(true)) {
      if (request.caller.id === tokenId && isTokenKind(request.caller)) this.#expire(id, request);
    }
  }

  close(): void {
    this.#stopTimer();
    this.#waiters.refuseAll(
      new OperoneError("unavailable", "The node is stopping; repeat the call when it is back"),
    );
  }

  #enqueue(request: ApprovalRequest): Approval {
    const { store, clock, random, expiryMs } = this.#use;
    this.#assertRoom(request);
    const createdAtMs = clock.nowMs();
    const id = randomId(random, idLength);
    const approval: Approval = {
      id,
      request,
      state: "pending",
      createdAtMs,
      expiresAtMs: createdAtMs + expiryMs,
    };
    store.insert(approval);
    store.prune();
    this.#arm();
    return approval;
  }

  #releaseCovered(
    caller: Caller,
    approvedFor: "session" | "pattern",
    covers: (request: ApprovalRequest) => boolean,
  ): void {
    const nowMs = this.#use.clock.nowMs();
    for (const { id, request } of this.#use.store.pendingOf(caller)) {
      if (!covers(request)) continue;
      this.#settle(id, ["pending"], { state: "approved", approvedFor, nowMs });
      for (const waiter of this.#waiters.take(id)) waiter.answer("go");
      this.#changed(id);
    }
  }

  #assertNotDenied(request: ApprovalRequest): void {
    const { store, clock, denialHoldMs } = this.#use;
    const nowMs = clock.nowMs();
    const denied = store.deniedSince(request, nowMs - denialHoldMs);
    if (denied !== undefined) throw denial(request, nowMs - (denied.settledAtMs ?? nowMs), denied.reason);
  }

  #assertRoom({ caller, sharedBy, preview, requests }: ApprovalRequest): void {
    const { store } = this.#use;
    // What another node calls its callers is its own word, so they have no more room together than one caller.
    const own = sharedBy === undefined ? store.pendingCount(caller) : store.pendingCountSharedBy(sharedBy);
    if (own >= limits.approvalsPerCallerMax || store.pendingCount() >= limits.approvalsMax) {
      throw new OperoneError(
        "limited",
        `${own} calls of "${caller.name}" wait for approval, and ${limits.approvalsPerCallerMax} are the most for one caller, ${limits.approvalsMax} for all; wait until some are answered`,
      );
    }
    const bytes =
      Buffer.byteLength(JSON.stringify(preview) ?? "") + Buffer.byteLength(JSON.stringify(requests));
    if (bytes > limits.previewBytesMax || requests.length > limits.requestsPerApprovalMax) {
      throw new OperoneError(
        "too_large",
        `This call takes ${bytes} bytes to show, and ${limits.previewBytesMax} are the most that a person is asked to read; make it smaller`,
      );
    }
  }

  #assertToken(caller: Caller): void {
    if (isTokenKind(caller) && this.#use.tokens.isLive(caller.id)) return;
    throw new OperoneError(
      "conflict",
      `"${caller.name}" is no live token of this node, so it can be given no grant here; approve it once or for the session`,
    );
  }

  #covered(request: ApprovalRequest, grant: Grant): boolean {
    const { permissions, clock } = this.#use;
    const sets = [{ holder: "pattern", owner: false, grants: [grant] }];
    const context = { permissions, sets, nowMs: () => clock.nowMs(), nodeNames: new Set<string>() };
    return request.requests.every((one) => decide(context, one) === "allow");
  }

  #asGrants({ request }: Approval): readonly Grant[] {
    return request.requests.map(({ permission }) => ({ permission, scope: "*", decision: "allow" }));
  }

  #find(id: string): Approval {
    const approval = this.#use.store.byId(id);
    if (approval !== undefined) return approval;
    throw new OperoneError("not_found", `There is no approval "${id}"; "operone approvals" shows what waits`);
  }

  #pending(id: string): Approval {
    this.#sweep();
    const approval = this.#find(id);
    if (approval.state === "pending") return approval;
    throw new OperoneError("conflict", `The approval "${id}" was answered already: it is ${approval.state}`);
  }

  #settle(id: string, from: readonly ApprovalState[], to: Parameters<ApprovalStore["settle"]>[2]): void {
    if (this.#use.store.settle(id, from, to)) return;
    throw new OperoneError(
      "conflict",
      `The approval "${id}" was answered already: it is ${this.#find(id).state}`,
    );
  }

  #expire(id: string, request: ApprovalRequest): void {
    const { store, clock, expiryMs } = this.#use;
    if (!store.settle(id, ["pending"], { state: "expired", nowMs: clock.nowMs() })) return;
    const nobody = new OperoneError(
      "deadline",
      `Nobody approved "${request.operation}" within ${spanOf(expiryMs)}; ask the owner to run "operone approvals", then repeat the call`,
    );
    for (const waiter of this.#waiters.take(id)) waiter.refuse(nobody);
    this.#changed(id);
  }

  /** The first one is late on purpose: until somebody looks, nothing of an earlier run can matter. */
  #sweep(): void {
    const { store, clock } = this.#use;
    if (!this.#swept) store.endSessions(clock.nowMs());
    this.#swept = true;
    for (const { id, request } of store.overdue(clock.nowMs())) this.#expire(id, request);
    store.expireUnused(clock.nowMs());
    this.#arm();
  }

  #arm(): void {
    this.#stopTimer();
    const expiries = this.#use.store.list(true).map(({ expiresAtMs }) => expiresAtMs);
    if (expiries.length === 0) return;
    const waitMs = Math.max(0, Math.min(...expiries) - this.#use.clock.nowMs());
    this.#stopTimer = this.#use.clock.after(waitMs, () => this.#sweep());
  }

  #changed(id: string): ApprovalOut {
    const summary = this.#summary(this.#find(id));
    this.#feed.publish(id, summary);
    return summary;
  }

  #summary({
    id,
    state,
    approvedFor,
    request,
    createdAtMs,
    expiresAtMs,
    settledAtMs,
  }: Approval): ApprovalOut {
    return {
      id,
      state,
      ...(approvedFor === undefined ? {} : { approvedFor }),
      operation: request.operation,
      effect: request.effect,
      caller: { ...request.caller },
      permissions: permissionsOf(request),
      createdAtMs,
      expiresAtMs,
      ...(settledAtMs === undefined ? {} : { settledAtMs }),
      waiting: this.#waiters.count(id),
    };
  }
}

function permissionsOf({ requests }: ApprovalRequest): string[] {
  return [...new Set(requests.map(({ permission }) => permission))].toSorted();
}

function onlyPermission(request: ApprovalRequest): string {
  const [permission = "", ...others] = permissionsOf(request);
  if (others.length === 0) return permission;
  throw new OperoneError(
    "conflict",
    `This call asks for several permissions (${[permission, ...others].join(", ")}), and a pattern is for one; approve it once or for the session`,
  );
}

function isTokenKind({ kind }: Caller): boolean {
  return kind === "token" || kind === "agent";
}

function denial({ operation }: ApprovalRequest, agoMs: number, reason: string | undefined): OperoneError {
  const when = agoMs < 1_000 ? "" : ` ${spanOf(agoMs)} ago`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return new OperoneError("forbidden", `The owner denied this call of "${operation}"${when}${why}`);
}
