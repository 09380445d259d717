/** What the parts of the HTTP surface share. */
import type { Caller, GrantSet } from "../kernel/authority.ts";
import type { KernelView } from "../kernel/view.ts";
import type { HttpLimits, Timer } from "./http-limits.ts";

/** A proven caller, as whoever authenticated it says. */
export interface HttpIdentity {
  readonly caller: Caller;
  readonly sets: readonly GrantSet[];
  /** Aborted when the caller loses its rights, and when its connection ends. */
  readonly signal: AbortSignal;
  /** Aborted when the credential ends; outlives the connection. */
  readonly revoked?: AbortSignal;
}

export interface Engine {
  readonly view: Pick<KernelView, "table" | "call">;
  readonly version: string;
  readonly limits: HttpLimits;
  readonly timer: Timer;
  newCallId(): string;
  unexpected(error: unknown, callId: string): void;
}
