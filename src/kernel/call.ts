/** The shapes that pass between a surface and the dispatcher. */
import type { Caller, GrantSet } from "./authority.ts";
import type { BytesAnswer, Progress, SurfaceName } from "./operation.ts";
import type { ApprovalRequest } from "./ports.ts";
import type { Asker } from "./question.ts";

/** One call as a surface hands it over. Nothing in it is trusted but `caller`, `sets` and `signal`. */
export interface Call {
  readonly surface: SurfaceName;
  /** An operation's id, for example `fs.read`. */
  readonly operation: string;
  /** Raw JSON as it arrived; the dispatcher validates it. */
  readonly input: unknown;
  readonly caller: Caller;
  /** Grant sets that must all allow the call. Empty: nothing is allowed. */
  readonly sets: readonly GrantSet[];
  /** Aborted when the caller goes away or loses its rights. */
  readonly signal: AbortSignal;
  /** Aborted when the caller's credential ends. Outlives the call. Absent: nobody here can tell. */
  readonly revoked?: AbortSignal;
  /** Whose share of the calls in flight it uses; absent: the caller's. All callers of one other node share one. */
  readonly sharedBy?: string;
  /** Unique; made by the dispatcher when absent. Both ends of a mesh call audit the same one. */
  readonly callId?: string;
  /** Node selector; absent means here. */
  readonly node?: string;
  /** Nodes that it has come over; absent: none. */
  readonly hops?: number;
  /** Repeating a write with the same key within 10 minutes gives the first answer again and runs nothing. */
  readonly idempotencyKey?: string;
  /** For operations that take bytes. */
  readonly bytes?: AsyncIterable<Uint8Array>;
  /** For operations that take messages: raw JSON values, validated by the dispatcher. */
  readonly messages?: AsyncIterable<unknown>;
  readonly onProgress?: (progress: Progress) => void;
  /** Asks the caller back. Absent: the surface cannot. */
  readonly asker?: Asker;
  /** Told when the call begins to wait for a person's approval on this node. */
  readonly onAsking?: (asked: ApprovalRequest) => void;
}

/** The `note` of the progress that tells a calling node that a person is asked now, which can take long. */
export const waitingForPerson = "waiting for a person's approval";

/**
 * One answer. `callId` is for the response's headers and for messages about this call.
 * `items` throws an OperoneError where the operation failed after it had begun; ending the iteration early
 * (`return()`) cancels the operation.
 */
export type Answer =
  | { readonly gives: "value"; readonly callId: string; readonly value: unknown }
  | { readonly gives: "items"; readonly callId: string; readonly items: AsyncIterable<unknown> }
  | {
      readonly gives: "bytes";
      readonly callId: string;
      readonly bytes: BytesAnswer;
      /** Ends the call without opening the bytes (HEAD, "not modified"). Otherwise it ends after a time limit. */
      readonly discard?: () => void;
    };
