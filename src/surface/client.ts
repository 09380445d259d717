/** One way to call a node, whatever lies between: the same interface over HTTP, mesh frames and in memory. */
import type { Answer } from "../kernel/call.ts";
import type { Progress } from "../kernel/operation.ts";

export interface ClientCallOptions {
  readonly signal?: AbortSignal;
  readonly node?: string;
  /** Given up after this time, at the node too, with the code `deadline`. */
  readonly deadlineMs?: number;
  /** Of the call that this one continues, so that both ends audit the same one. Between nodes alone. */
  readonly callId?: string;
  /** Who calls and with which rights, for the other node to judge. Between nodes alone. */
  readonly claims?: unknown;
  readonly idempotencyKey?: string;
  readonly bytes?: AsyncIterable<Uint8Array>;
  readonly messages?: AsyncIterable<unknown>;
  readonly onProgress?: (progress: Progress) => void;
}

export interface OperationClient {
  /** @throws OperoneError with the node's own code and message. */
  call(operation: string, input: unknown, options?: ClientCallOptions): Promise<Answer>;
}
