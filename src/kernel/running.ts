/** One call while it runs: its signal, its deadline, and the guard around what the handler hands out. */
import type { Call } from "./call.ts";
import { errorBody, OperoneError } from "./error.ts";
import type { Clock, Log } from "./ports.ts";

export interface Running {
  readonly callId: string;
  readonly operation: string;
  readonly aborted: boolean;
  /** Why it was aborted. */
  readonly reason: OperoneError | undefined;
  /** For the handler. Made when it is first asked for: most reads never look at it. */
  readonly signal: AbortSignal;
  /** Set by the recorder, so that each call is recorded once. */
  recorded: boolean;
  /** Set when the handler is about to run: from here on the call may have effects. */
  begun: boolean;
  /** Aborts the call; the first reason stays. */
  abort(reason: OperoneError): void;
  throwIfAborted(): void;
  /** Calls `run` when the call is aborted, at once if it is already. Gives what takes it back. */
  onAbort(run: () => void): () => void;
  /** Rejects as soon as the call is aborted, even when `work` ignores the signal. */
  race<T>(work: Promise<T>): Promise<T>;
  /** The first one counts; 0 is none. */
  startDeadline(deadlineMs: number): void;
  /** Ends the bookkeeping; idempotent. */
  release(): void;
}

/** @param onRelease called once, when the call no longer counts as running */
function running(
  callId: string,
  operation: string,
  outer: AbortSignal,
  clock: Clock,
  onRelease: () => void,
): Running {
  return new RunningCall(callId, operation, outer, clock, onRelease);
}

/** Its own list of listeners beside the signal: an AbortController for each short call costs more than the call. */
class RunningCall implements Running {
  readonly callId: string;
  readonly operation: string;
  recorded = false;
  begun = false;
  readonly #outer: AbortSignal;
  readonly #clock: Clock;
  readonly #onRelease: () => void;
  readonly #onOuterAbort = () => this.abort(cancellation(this.operation, this.#outer.reason));
  #reason: OperoneError | undefined;
  #controller: AbortController | undefined;
  #listeners: Set<() => void> | undefined;
  #stopDeadline: (() => void) | undefined;
  #released = false;

  constructor(callId: string, operation: string, outer: AbortSignal, clock: Clock, onRelease: () => void) {
    this.callId = callId;
    this.operation = operation;
    this.#outer = outer;
    this.#clock = clock;
    this.#onRelease = onRelease;
    if (outer.aborted) this.#onOuterAbort();
    else outer.addEventListener("abort", this.#onOuterAbort);
  }

  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  get reason(): OperoneError | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: OperoneError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    const listeners = this.#listeners;
    this.#listeners = undefined;
    for (const run of listeners ?? []) run();
  }

  throwIfAborted(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  onAbort(run: () => void): () => void {
    if (this.#reason !== undefined) {
      run();
      return () => {};
    }
    this.#listeners ??= new Set();
    this.#listeners.add(run);
    return () => this.#listeners?.delete(run);
  }

  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const forget = this.onAbort(() => reject(this.#reason));
      work.then(
        (value) => {
          forget();
          resolve(value);
        },
        (error) => {
          forget();
          reject(error);
        },
      );
    });
  }

  startDeadline(deadlineMs: number): void {
    if (deadlineMs <= 0 || this.#stopDeadline !== undefined) return;
    this.#stopDeadline = this.#clock.after(deadlineMs, () =>
      this.abort(
        new OperoneError(
          "deadline",
          `"${this.operation}" did not answer within ${deadlineMs} ms and was stopped`,
        ),
      ),
    );
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#stopDeadline?.();
    this.#outer.removeEventListener("abort", this.#onOuterAbort);
    this.#onRelease();
  }
}

/** A revoked token says why in the signal's reason; everything else is the caller going away. */
function cancellation(operation: string, reason: unknown): OperoneError {
  if (reason instanceof OperoneError) return reason;
  return new OperoneError("cancelled", `"${operation}" was cancelled by its caller`);
}

/**
 * Makes an unexpected error safe to hand out, and keeps its cause in the log under the call id.
 * When the call was aborted, whatever the handler threw because of it counts as the abort.
 */
export function failureOf(
  error: unknown,
  call: Pick<Running, "callId" | "operation" | "reason">,
  log: Log,
): OperoneError {
  if (error instanceof OperoneError) return error;
  if (call.reason !== undefined) return call.reason;
  log.error("An operation failed unexpectedly", {
    callId: call.callId,
    operation: call.operation,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  const body = errorBody(error, call.callId);
  return new OperoneError(body.code, body.message, body.details);
}

/**
 * Passes on what `source` gives until it ends, fails or the call is aborted. When the reader stops early the call is
 * aborted too. `end` runs once with the failure, or undefined when the source ended by itself.
 */
export async function* guarded<T>(
  source: AsyncIterator<T>,
  call: Running,
  log: Log,
  end: (failure: OperoneError | undefined) => Promise<void>,
): AsyncGenerator<T, void, undefined> {
  let ended = false;
  let failure: OperoneError | undefined;
  const step = stepsOf(source, call);
  try {
    for (;;) {
      const next = await step();
      if (next.done === true) break;
      yield next.value;
    }
    ended = true;
  } catch (error) {
    failure = failureOf(error, call, log);
    throw failure;
  } finally {
    if (!ended) {
      // Neither ended nor thrown: the reader returned. When the call was aborted first, that is the reason.
      failure ??= call.reason ?? new OperoneError("cancelled", `The reader of "${call.operation}" went away`);
      call.abort(failure);
    }
    // Not awaited: a handler that ignores its signal must not keep the caller, and its own error is already told.
    void Promise.resolve(source.return?.()).catch(() => {});
    try {
      await end(failure);
    } finally {
      call.release();
    }
  }
}

/** Each step of `source`, or the abort of the call: with one listener for all, because there may be millions. */
function stepsOf<T>(source: AsyncIterator<T>, call: Running): () => Promise<IteratorResult<T>> {
  let refuse: ((reason: unknown) => void) | undefined;
  call.onAbort(() => refuse?.(call.reason));
  return () =>
    new Promise((resolve, reject) => {
      refuse = reject;
      // The step is begun all the same, as its source may hear of the abort in it alone.
      source.next().then(resolve, reject);
      if (call.aborted) reject(call.reason);
    });
}

/** The calls that are running, with limits for all together and for each caller. */
export class InFlight {
  readonly #limits: { readonly callsMax: number; readonly callsPerCallerMax: number };
  readonly #calls = new Set<Running>();
  readonly #perCaller = new Map<string, number>();
  #waiting: (() => void)[] = [];

  constructor(limits: { readonly callsMax: number; readonly callsPerCallerMax: number }) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** @throws OperoneError `limited` */
  start(call: Call, callId: string, clock: Clock): Running {
    const key = call.sharedBy ?? `${call.caller.kind} ${call.caller.id}`;
    const own = this.#perCaller.get(key) ?? 0;
    if (this.#calls.size >= this.#limits.callsMax || own >= this.#limits.callsPerCallerMax) {
      throw new OperoneError(
        "limited",
        `${own} calls of ${call.caller.name} are running, ${this.#calls.size} in all; wait for some to end`,
      );
    }
    const run = running(callId, call.operation, call.signal, clock, () => this.#end(run, key));
    this.#calls.add(run);
    this.#perCaller.set(key, own + 1);
    return run;
  }

  abortAll(reason: OperoneError): void {
    for (const run of this.#calls) run.abort(reason);
  }

  /** Only those that have had no effect yet. */
  abortWaiting(reason: OperoneError): void {
    for (const run of this.#calls) if (!run.begun) run.abort(reason);
  }

  drained(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #end(run: Running, key: string): void {
    this.#calls.delete(run);
    const left = (this.#perCaller.get(key) ?? 1) - 1;
    if (left === 0) this.#perCaller.delete(key);
    else this.#perCaller.set(key, left);
    if (this.#calls.size > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
