/** What can go wrong between a client and a node, said the same way whatever lies between them. */
import { OperoneError } from "../kernel/error.ts";
import type { Effect, Operation } from "../kernel/operation.ts";

/** One call as a client sees it, to say what a failure of the connection means for it. */
export interface Exchange {
  readonly operation: string;
  /** Reads can be repeated; of anything else it is then unknown whether it was done. */
  readonly effect: Effect;
  readonly signal: AbortSignal | undefined;
}

export function exchangeOf(
  operation: Operation | undefined,
  id: string,
  signal: AbortSignal | undefined,
): Exchange {
  return { operation: id, effect: operation?.effect ?? "write", signal };
}

/** The connection ended before the answer did. */
export function lost({ operation, effect }: Exchange, cause?: unknown): OperoneError {
  const options = cause === undefined ? {} : { cause };
  return effect === "read"
    ? new OperoneError(
        "unavailable",
        `The answer of "${operation}" was cut off; call it again`,
        undefined,
        options,
      )
    : new OperoneError(
        "outcome_unknown",
        `The answer of "${operation}" was cut off, so it is not known whether it was done; look before you repeat it`,
        undefined,
        options,
      );
}

export function cancelled({ operation, signal }: Exchange): OperoneError {
  if (signal?.reason instanceof OperoneError) return signal.reason;
  return new OperoneError("cancelled", `"${operation}" was cancelled by its caller`);
}

/** What an error that came out of a connection means for this call. */
export function failure(exchange: Exchange, error: unknown): OperoneError {
  if (error instanceof OperoneError) return error;
  if (exchange.signal?.aborted === true) return cancelled(exchange);
  if (!neverSent(error)) return lost(exchange, error);
  const why = error instanceof Error ? error.message : String(error);
  return new OperoneError(
    "unavailable",
    `No node answered "${exchange.operation}": ${why}; "operone up" starts one`,
    undefined,
    { cause: error },
  );
}

/** Codes of Bun, Node and Deno for a connection that was never made: nothing can have run. */
const unreachableCodes = new Set([
  "ConnectionRefused",
  "FailedToOpenSocket",
  "ECONNREFUSED",
  "ENOENT",
  "ENOTFOUND",
  "EACCES",
  "EPERM",
  "ENOTSOCK",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

function neverSent(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    if ("code" in at && typeof at.code === "string" && unreachableCodes.has(at.code)) return true;
    // Deno's fetch has no code, only this text.
    if (at.message.includes("tcp connect error") || at.message.includes("Connection refused")) return true;
  }
  return false;
}

/** Passes on `steps`; ending it early runs `cancel` even when it was never begun, which a bare generator would not. */
export function cancellable<T>(steps: AsyncIterator<T>, cancel: () => void): AsyncIterableIterator<T> {
  let ended = false;
  return {
    async next() {
      if (ended) return { done: true, value: undefined };
      try {
        const step = await steps.next();
        if (step.done === true) ended = true;
        return step;
      } catch (error) {
        ended = true;
        cancel();
        throw error;
      }
    },
    async return() {
      if (!ended) {
        ended = true;
        cancel();
      }
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
