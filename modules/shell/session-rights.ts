/** Whose a session is, and for how long its creator may have it run. */
import type { Authority, Caller, Rights } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { SessionFacts } from "./session-store.ts";

type Who = Pick<CallContext, "caller" | "authority">;

/** What the call holds when it has been judged: nothing that it asks for is forbidden then. */
export function rightsLeft(authority: Authority): Rights {
  return {
    decide: ({ permission, request }) => authority.decide(permission, request),
    forbids: () => false,
  };
}

/** Timers take no longer, and clocks jump. */
const recheckMsMax = 3_600_000;

/** Its creator, and whoever holds the owner's rights in every set of its authority. */
export function isFor(facts: SessionFacts, { caller, authority }: Who): boolean {
  const { sets } = authority;
  return (sets.length > 0 && sets.every((set) => set.owner)) || isCreator(facts, caller);
}

export function isCreator({ creator }: SessionFacts, { kind, id }: Caller): boolean {
  return kind === creator.kind && id === creator.id;
}

/**
 * What a session does is done with the rights of whoever writes to it too.
 *
 * @throws OperoneError `forbidden` when they do not cover the session's command (any more)
 */
export function assertMayDrive({ requests, id }: SessionFacts, { authority }: Who): void {
  const lacking = requests.find(
    ({ permission, request }) => authority.decide(permission, request) === "deny",
  );
  if (lacking === undefined) return;
  throw new OperoneError(
    "forbidden",
    `The command of the session "${id}" is not granted to you any more ("${lacking.permission}"); the owner can grant it again`,
    { permission: lacking.permission },
  );
}

/**
 * Calls `end` when the creator's credential ends, or its grants do not cover the session any more because they expired.
 *
 * @returns what ends the watch
 */
export function watchRights(
  { requests }: Pick<SessionFacts, "requests">,
  { authority, revoked }: Pick<CallContext, "authority" | "revoked">,
  clock: Clock,
  end: () => void,
): () => void {
  let cancel = () => {};
  const check = () => {
    if (requests.some(({ permission, request }) => authority.decide(permission, request) === "deny")) {
      return end();
    }
    const waitMs = expiryMs(authority, clock.nowMs());
    if (waitMs !== undefined) cancel = clock.after(Math.min(waitMs, recheckMsMax), check);
  };
  check();
  if (revoked?.aborted === true) end();
  else revoked?.addEventListener("abort", end, { once: true });
  return () => {
    cancel();
    revoked?.removeEventListener("abort", end);
  };
}

/** Until the next grant expires; undefined when none does. */
function expiryMs({ sets }: Authority, nowMs: number): number | undefined {
  const expiries = sets
    .flatMap(({ grants }) => grants)
    .flatMap(({ expiresAtMs }) => (expiresAtMs !== undefined && expiresAtMs > nowMs ? [expiresAtMs] : []));
  return expiries.length === 0 ? undefined : Math.min(...expiries) - nowMs;
}
