/** The outgoing enrolment: decode, dial, prove, store; and again when the connection failed. */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Random } from "../../src/kernel/ports.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import { Deadline } from "./deadline.ts";
import { assertInviter, type EnrolmentStep, joinOver, type RosterDoor } from "./enrolment.ts";
import { EnrolmentWire, NodeName } from "./enrolment-wire.ts";
import { decodeInviteCode, type InviteCode } from "./invite-code.ts";
import { inviteLimits } from "./invites.ts";
import type { PendingEnrolments, PendingHandle } from "./pending-enrolments.ts";
import { type Link, protocols, type Transport } from "./transport.ts";

export type JoinStep =
  | { readonly step: "connecting"; readonly address: string }
  | { readonly step: "connected"; readonly address: string; readonly encryption: string }
  | EnrolmentStep
  | { readonly step: "retrying"; readonly reason: string; readonly delayMs: number };

export interface JoinOptions {
  /** What this node calls itself: letters, digits, `.`, `_`, `-`; at most 63. */
  readonly name: string;
  readonly signal: AbortSignal;
}

export interface JoinInput {
  readonly transport: Pick<Transport, "peerId" | "dial" | "prolong">;
  readonly door: RosterDoor;
  readonly clock: Clock;
  readonly random: Random;
  readonly pending: PendingEnrolments;
  readonly code: string;
  readonly timeoutMs: number;
}

/** Over all attempts. */
interface Progress {
  /** The inviter has taken the code. */
  proven: boolean;
  /** The last attempt came so far that a person was asked. */
  waited: boolean;
}

const attemptsMax = 5;
/** When the inviter turns this machine away at once: it may only be full at the moment. */
const turnedAwayMax = 3;
const firstDelayMs = 1_000;
const delayGrowth = 2;

/** See `Enrolments.join`. */
export async function* joinMesh(
  use: JoinInput,
  { name, signal }: JoinOptions,
): AsyncGenerator<JoinStep, void> {
  const code = decodeInviteCode(use.code);
  assertJoinable(use, code, name);
  const given = new AbortController();
  const pending = use.pending.add({
    direction: "out",
    peerId: code.inviter,
    role: code.role,
    reason: "Connecting to the inviting machine",
    reject: () => given.abort(),
  });
  const either = AbortSignal.any([signal, given.signal]);
  let lastReason: string | undefined;
  const progress: Progress = { proven: false, waited: false };
  try {
    for (let attempt = 1, delayMs = firstDelayMs; ; attempt += 1, delayMs *= delayGrowth) {
      let reason: string;
      try {
        yield* attemptJoin(use, code, name, pending, progress, either);
        return;
      } catch (error) {
        if (either.aborted) throw cancelled();
        reason = error instanceof OperoneError ? error.message : "It failed in an unexpected way";
        // While a person may still answer, no number of broken connections is too many; the code's end ends it.
        const broke = error instanceof OperoneError && error.code === "unavailable";
        if (progress.waited && broke && use.clock.nowMs() < code.expiresAtMs)
          [attempt, delayMs] = [1, firstDelayMs];
        progress.waited = false;
        if (error instanceof OperoneError && attempt < attemptsOf(error)) {
          pending.change({ reason });
        } else {
          lastReason = reason;
          throw error instanceof OperoneError ? hinted(error, code, use.clock) : error;
        }
      }
      yield { step: "retrying", reason, delayMs };
      await delay(use.clock, delayMs, either);
    }
  } finally {
    if (lastReason === undefined) pending.remove();
    else pending.fail(lastReason);
  }
}

/** @throws OperoneError `invalid_input` for this node's own code or a bad name, `conflict` in another mesh */
function assertJoinable({ transport, door }: JoinInput, code: InviteCode, name: string): void {
  if (!v.is(NodeName, name))
    throw new OperoneError(
      "invalid_input",
      `"${name}" is no name for a node; use up to 63 letters, digits, dots, underscores and hyphens, a letter or digit first`,
    );
  if (code.inviter === transport.peerId)
    throw new OperoneError("invalid_input", "This machine made the code itself; use it on another one");
  if (door.meshId !== undefined && door.meshId !== code.meshId)
    throw new OperoneError(
      "conflict",
      `This machine belongs to the mesh ${door.meshId}, and the code is for ${code.meshId}; leave the first one before you join`,
    );
}

async function* attemptJoin(
  use: JoinInput,
  code: InviteCode,
  name: string,
  pending: PendingHandle,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<JoinStep, void> {
  signal.throwIfAborted();
  for (const address of code.addresses) yield { step: "connecting", address };
  const link = await dialInviter(use, code, progress, signal);
  let joined = false;
  try {
    assertInviter(link.peerId, code);
    const { remoteAddress: address, encryption } = link;
    pending.change({ address, reason: "Proving the code to the inviting machine" });
    yield { step: "connected", address, encryption };
    for await (const step of overLink(use, code, name, link, signal)) {
      joined ||= step.step === "joined";
      yield follow(use, step, link, pending, progress);
    }
  } finally {
    // A connection that was opened to enrol is of no use to anybody when that failed.
    if (!joined) link.close();
  }
}

/** Takes down how far it is, and lets the connection stay for what comes next. */
function follow(
  { transport, timeoutMs }: JoinInput,
  step: EnrolmentStep,
  { peerId }: Link,
  pending: PendingHandle,
  progress: Progress,
): EnrolmentStep {
  if (step.step === "words") {
    const { words } = step;
    pending.change({ words });
    transport.prolong(peerId, timeoutMs);
    if (progress.proven) return { step: "words", words, changed: true };
    progress.proven = true;
  }
  if (step.step === "waiting") {
    pending.change({ reason: step.reason });
    progress.waited = true;
    // The inviter's clock says when the code ends; this one may be wrong, so it only says what no code outlives.
    transport.prolong(peerId, inviteLimits.expiresInMsMax + timeoutMs);
  }
  return step;
}

async function dialInviter(
  { transport }: JoinInput,
  code: InviteCode,
  { proven }: Progress,
  signal: AbortSignal,
): Promise<Link> {
  try {
    return await transport.dial(code.inviter, code.addresses, signal);
  } catch (error) {
    if (!(error instanceof OperoneError) || error.code !== "forbidden") throw error;
    // It knows this node, and has not yet noticed that the connection before this one is dead.
    if (proven)
      throw new OperoneError(
        "unavailable",
        `The inviting machine ${code.inviter} takes no new connection of this one yet`,
      );
    // With no invite open the other machine does not even let the code be shown; nor when too many show theirs.
    throw new TurnedAway(code.inviter);
  }
}

async function* overLink(
  { transport, door, clock, random, timeoutMs }: JoinInput,
  code: InviteCode,
  name: string,
  link: Link,
  signal: AbortSignal,
): AsyncGenerator<EnrolmentStep, void> {
  const late = new AbortController();
  const deadline = new Deadline(clock, timeoutMs, () => late.abort());
  const ending = AbortSignal.any([signal, late.signal]);
  let channel: MeshChannel | undefined;
  const onEnd = () => channel?.reset();
  ending.addEventListener("abort", onEnd, { once: true });
  let complete = false;
  try {
    const { peerId } = link;
    channel = await link.openChannel(protocols.enroll, ending);
    ending.throwIfAborted();
    const wire = new EnrolmentWire(channel);
    const selfId = transport.peerId;
    yield* joinOver({ wire, code, peerId, selfId, name, door, random, deadline });
    complete = true;
  } catch (error) {
    if (deadline.passed)
      throw new OperoneError(
        "deadline",
        `The inviting machine did not complete the enrolment within ${timeoutMs} ms`,
      );
    throw error;
  } finally {
    deadline.pause();
    ending.removeEventListener("abort", onEnd);
    if (complete) channel?.close();
    else channel?.reset();
  }
}

/** How often it is tried in all after this failure. */
function attemptsOf(error: OperoneError): number {
  if (error instanceof TurnedAway) return turnedAwayMax;
  const { code } = error;
  return code === "unavailable" || code === "limited" || code === "deadline" ? attemptsMax : 1;
}

class TurnedAway extends OperoneError {
  constructor(inviter: string) {
    super(
      "forbidden",
      `The inviting machine ${inviter} lets nobody enrol: the code was used, revoked, or has expired, or too many others are enrolling there right now. Try again in a minute, or ask for a new one ("operone invite" there)`,
    );
  }
}

function cancelled(): OperoneError {
  return new OperoneError("cancelled", "The enrolment was given up on this machine");
}

/** The inviter's clock decides, but this one's may explain a refusal. */
function hinted(failure: OperoneError, { expiresAtMs }: InviteCode, clock: Clock): OperoneError {
  const lateMs = clock.nowMs() - expiresAtMs;
  if (lateMs <= 0 || failure.code === "conflict") return failure;
  const when = `By this machine's clock the code expired ${Math.ceil(lateMs / 60_000)} min ago`;
  return new OperoneError(failure.code, `${failure.message}. ${when}`, failure.details);
}

async function delay(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = clock.after(delayMs, resolve);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  stop();
  if (signal.aborted) throw cancelled();
}
