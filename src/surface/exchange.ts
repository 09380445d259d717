/** What can go wrong between a client and a node, said the same way whatever lies between them. */
import { OperoneError } from "../kernel/error.ts";
import type { Effect, Operation } from "../kernel/operation.ts";
import type { ClientCallOptions } from "./client.ts";

/** One call as a client sees it, to say what a failure of the connection means for it. */
export interface Exchange {
  readonly operation: string;
  /** Reads can be repeated; of anything else it is then unknown whether it was done. */
  readonly effect: Effect;
  /** The caller's, and its deadline. */
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number | undefined;
}

export function exchangeOf(operation: Operation | undefined, id: string, call: ClientCallOptions): Exchange {
  return {
    operation: id,
    effect: operation?.effect ?? "write",
    signal: signalOf(call),
    deadlineMs: call.deadlineMs,
  };
}

function signalOf({ signal, deadlineMs }: ClientCallOptions): AbortSignal | undefined {
  if (deadlineMs === undefined) return signal;
  const deadline = AbortSignal.timeout(deadlineMs);
  return signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
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

export function cancelled({ operation, signal, deadlineMs }: Exchange): OperoneError {
  const reason: unknown = signal?.reason;
  if (reason instanceof OperoneError) return reason;
  if (reason instanceof DOMException && reason.name === "TimeoutError") {
    return new OperoneError(
      "deadline",
      `"${operation}" was not done within ${deadlineMs} ms and was given up`,
    );
  }
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

/** Nothing was sent, so nothing can have run, whatever the operation does. */
export function unopened(exchange: Exchange, error: unknown): OperoneError {
  if (error instanceof OperoneError) return error;
  if (exchange.signal?.aborted === true) return cancelled(exchange);
  const why = error instanceof Error ? `: ${error.message}` : "";
  return new OperoneError("unavailable", `The node for "${exchange.operation}" cannot be reached${why}`);
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
