/** From what a handler returns to an answer: validated, cancellable, ended and recorded exactly once. */
import * as v from "valibot";
import type { Answer } from "./call.ts";
import { OperoneError } from "./error.ts";
import { type BytesAnswer, inputEntries, type Operation } from "./operation.ts";
import type { Clock, Log } from "./ports.ts";
import { guarded, type Running } from "./running.ts";
import { problemOf } from "./schema-issue.ts";

/** A call whose handler is about to run. */
export interface Performance {
  readonly operation: Operation;
  readonly run: Running;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: {
    /** How long to wait for a first item, so that an early failure is an answer and not a broken stream. */
    readonly firstItemMs: number;
    /** Bytes that nobody opens within this time are given up. */
    readonly openMs: number;
  };
  /** Records the end of the call; may be called more than once, the first counts. */
  finish(failure: OperoneError | undefined): Promise<void>;
}

/** Runs the handler and turns what it gives into an answer that is checked, guarded and recorded. */
export async function answerOf(performance: Performance, handler: () => unknown): Promise<Answer> {
  const { operation, run } = performance;
  const result = handler();
  run.startDeadline(result instanceof Promise || operation.gives === "items" ? operation.deadlineMs : 0);
  if (operation.gives === "items") return itemsAnswer(performance, result as AsyncIterable<unknown>);
  const settled = result instanceof Promise ? await run.race(result) : result;
  if (operation.gives === "bytes") return bytesAnswer(performance, settled as BytesAnswer);
  const value = checkedOutput(operation, settled);
  await performance.finish(undefined);
  run.release();
  return { gives: "value", callId: run.callId, value };
}

async function itemsAnswer(performance: Performance, result: AsyncIterable<unknown>): Promise<Answer> {
  const { operation, run, clock, log, limits, finish } = performance;
  const iterator = guarded(checkedItems(operation, result), run, log, finish);
  const first = iterator.next();
  let stopWaiting = () => {};
  const waited = new Promise<void>((resolve) => {
    stopWaiting = clock.after(limits.firstItemMs, resolve);
  });
  await Promise.race([first, waited]).finally(stopWaiting);
  return { gives: "items", callId: run.callId, items: resumed(first, iterator, run) };
}

/**
 * The iterator with its first step already taken. An abort ends it even while nobody reads, and a reader that comes
 * back later gets the reason, never an end that looks like the whole.
 */
function resumed<T>(
  first: Promise<IteratorResult<T, void>>,
  rest: AsyncGenerator<T, void>,
  run: Running,
): AsyncIterableIterator<T, void> {
  // Told to the reader when it takes its first step; until then it must not count as unhandled.
  first.catch(() => {});
  let pending: Promise<IteratorResult<T, void>> | undefined = first;
  const end = () => void rest.return().catch(() => {});
  run.onAbort(end);
  return {
    async next() {
      if (pending === undefined) run.throwIfAborted();
      const step = pending ?? rest.next();
      pending = undefined;
      const result = await step;
      if (result.done === true) run.throwIfAborted();
      return result;
    },
    return() {
      // A generator's own return waits for the step that is under way, which may take for ever.
      run.abort(new OperoneError("cancelled", `The reader of "${run.operation}" went away`));
      return rest.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function bytesAnswer(performance: Performance, bytes: BytesAnswer): Promise<Answer> {
  const { run, clock, log, limits, finish } = performance;
  const discard = () => {
    cancelGiveUp();
    void finish(undefined);
    run.release();
  };
  const cancelGiveUp = clock.after(limits.openMs, discard);
  let opened = false;
  const open: BytesAnswer["open"] = (range) => {
    cancelGiveUp();
    if (opened)
      throw new OperoneError("conflict", `The bytes of "${run.operation}" were opened twice; call it again`);
    opened = true;
    return guarded(bytes.open(range)[Symbol.asyncIterator](), run, log, finish);
  };
  return { gives: "bytes", callId: run.callId, bytes: { ...bytes, open }, discard };
}

function checkedOutput(operation: Operation, value: unknown): unknown {
  const parsed = v.safeParse(operation.output, value);
  if (parsed.success) return parsed.output;
  throw new Error(
    `"${operation.id}" gave a value outside its own output schema: ${v.summarize(parsed.issues)}`,
  );
}

async function* checkedItems(
  operation: Operation,
  items: AsyncIterable<unknown>,
): AsyncGenerator<unknown, void> {
  for await (const item of items) yield checkedOutput(operation, item);
}

export async function* checkedMessages(
  operation: Operation,
  messages: AsyncIterable<unknown> = nothing(),
): AsyncGenerator<never> {
  for await (const message of messages) {
    const parsed = v.safeParse(operation.message, message);
    if (!parsed.success) throw invalidInput(operation, parsed.issues, "message");
    yield parsed.output as never;
  }
}

export async function* nothing(): AsyncGenerator<never> {}

/** Names each refused field with its value's problem, at most `issuesMax` of them. */
export function invalidInput(
  operation: Operation,
  issues: readonly v.BaseIssue<unknown>[],
  what = "input",
): OperoneError {
  const issuesMax = 10;
  const listed = issues.slice(0, issuesMax).map((issue) => ({
    path: v.getDotPath(issue) ?? "",
    problem: problemOf(issue, Object.keys(inputEntries(operation.input) ?? {})),
  }));
  const text = listed.map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`)).join("; ");
  return new OperoneError("invalid_input", `The ${what} of "${operation.id}" is not valid: ${text}`, {
    issues: listed,
  });
}
