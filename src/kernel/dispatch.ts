/**
 * The only door to a handler. For every surface, in this order: exposed here? -> permission -> node -> input ->
 * scope -> ask (the deadline waits) -> module ready -> intent -> run -> output -> audit.
 */
import * as v from "valibot";
import { answerOf, checkedMessages, invalidInput, nothing, type Performance } from "./answer.ts";
import { authorityOf, decide, forbidden, holds, type Permission, type ScopeRequest } from "./authority.ts";
import type { Answer, Call } from "./call.ts";
import { digestOf } from "./digest.ts";
import { OperoneError } from "./error.ts";
import { type Idempotency, idempotency } from "./idempotency.ts";
import type { ModuleState } from "./module.ts";
import type { CallContext, Operation } from "./operation.ts";
import type { Clock, Journal, Log, Policy, Random, Router } from "./ports.ts";
import { type Admitted, createRecorder, type Prepared, type Recorder } from "./recorder.ts";
import { failureOf, guarded, InFlight, type Running } from "./running.ts";
import { type Statistics, statistics } from "./statistics.ts";
import type { OperationTable } from "./view.ts";

export type DispatchLimits = Performance["limits"] & {
  readonly callsMax: number;
  readonly callsPerCallerMax: number;
};

export const dispatchLimits: DispatchLimits = {
  callsMax: 1_024,
  callsPerCallerMax: 256,
  firstItemMs: 250,
  openMs: 60_000,
};

/** A module as the dispatcher needs it. */
export interface Runnable {
  readonly state: unknown;
  readonly status: ModuleState;
  readonly ready: Promise<void>;
}

export interface DispatcherOptions {
  readonly table: OperationTable;
  readonly permissions: ReadonlyMap<string, Permission>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly nodeNames: ReadonlySet<string>;
  module(id: string): Runnable | undefined;
  /** Filled by modules; looked up at each call, because they start after the dispatcher exists. */
  policy(): Policy | undefined;
  journal(): Journal | undefined;
  router(): Router | undefined;
  readonly limits?: DispatchLimits;
}

export interface Dispatcher {
  call(call: Call): Promise<Answer>;
  readonly statistics: Statistics;
  callsInFlight(): number;
  /** Refuses new calls from now on. */
  close(): void;
  /** Resolves when no call runs any more. */
  drained(): Promise<void>;
  /** Aborts what still runs. */
  abortAll(): void;
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const limits = options.limits ?? dispatchLimits;
  const counts = statistics();
  const inFlight = new InFlight(limits);
  const recorder = createRecorder(options, counts);
  const engine = { options, limits, recorder, keys: idempotency(options.clock) };
  let closed = false;
  return {
    statistics: counts,
    callsInFlight: () => inFlight.size,
    async call(call) {
      const operation = options.table.get(call.operation);
      if (operation === undefined || !operation.surfaces.includes(call.surface)) throw unknownOperation(call);
      if (closed)
        throw new OperoneError("unavailable", "The node is stopping; call it again when it is back");
      const run = inFlight.start(call, call.callId ?? callIdOf(options.random), options.clock);
      const admitted = admit(options, call, operation, run);
      try {
        return await dispatch(engine, admitted);
      } catch (error) {
        const failure = failureOf(error, run, options.log);
        await recorder.finish(admitted, failure);
        run.release();
        throw failure;
      }
    },
    close: () => {
      closed = true;
    },
    drained: () => inFlight.drained(),
    abortAll: () =>
      inFlight.abortAll(new OperoneError("unavailable", "The node is stopping; the call was ended")),
  };
}

interface Engine {
  readonly options: DispatcherOptions;
  readonly limits: DispatchLimits;
  readonly recorder: Recorder;
  readonly keys: Idempotency;
}

function admit(
  { permissions, clock, nodeNames }: DispatcherOptions,
  call: Call,
  operation: Operation,
  run: Running,
): Admitted {
  return {
    call,
    operation,
    run,
    startedMs: clock.monotonicMs(),
    authority: { permissions, sets: call.sets, nowMs: clock.nowMs, nodeNames },
  };
}

async function dispatch(engine: Engine, admitted: Admitted): Promise<Answer> {
  const { call, operation, authority } = admitted;
  const missing = operation.needs.find((permission) => !holds(authority, permission));
  if (missing !== undefined) throw denied(engine, admitted, "", { permission: missing });
  if (call.node !== undefined && !isLocal(engine, call.node)) return route(engine, admitted, call.node);
  const prepared = prepare(admitted);
  const requests = scopeOf(engine, prepared);
  const asked = requests.filter((request) => decide(authority, request) === "ask");
  const answer = () => perform(engine, prepared, asked);
  if (call.idempotencyKey === undefined) return answer();
  if (operation.gives !== "value" || operation.effect === "read") {
    throw new OperoneError(
      "invalid_input",
      `"${operation.id}" takes no idempotency key; only writes that give one value do`,
    );
  }
  const value = await admitted.run.race(
    engine.keys.once(call.caller, call.idempotencyKey, `${operation.id} ${prepared.digest()}`, async () => {
      const first = await answer();
      return first.gives === "value" ? first.value : undefined;
    }),
  );
  // A repeated write is answered from memory: it has run, and was recorded, under its first call.
  admitted.run.release();
  return { gives: "value", callId: admitted.run.callId, value };
}

function isLocal(engine: Engine, selector: string): boolean {
  if (selector === "self" || engine.options.nodeNames.has(selector)) return true;
  return engine.options.router()?.isLocal(selector) === true;
}

async function route(engine: Engine, { call, operation, run }: Admitted, selector: string): Promise<Answer> {
  if (!operation.surfaces.includes("mesh")) {
    throw new OperoneError(
      "invalid_input",
      `"${operation.id}" runs only on the node that is asked; leave out the node "${selector}"`,
    );
  }
  const router = engine.options.router();
  if (router === undefined) {
    throw new OperoneError(
      "unavailable",
      `The node "${selector}" cannot be reached: this node has joined no mesh`,
    );
  }
  const answer = await run.race(
    router.route(selector, { ...call, callId: run.callId, signal: run.signal }, operation),
  );
  if (answer.gives === "value") run.release();
  if (answer.gives !== "items") return answer;
  return {
    ...answer,
    items: guarded(answer.items[Symbol.asyncIterator](), run, engine.options.log, async () => {}),
  };
}

function prepare(admitted: Admitted): Prepared {
  const { operation, call } = admitted;
  const parsed = v.safeParse(operation.input, call.input ?? {});
  if (!parsed.success) throw invalidInput(operation, parsed.issues);
  let digest: string | undefined;
  return {
    ...admitted,
    input: parsed.output,
    digest: () => {
      digest ??= digestOf(parsed.output);
      return digest;
    },
  };
}

function scopeOf(engine: Engine, prepared: Prepared): readonly ScopeRequest[] {
  const requests = prepared.operation.scope(prepared.input);
  const refused = requests.find((request) => decide(prepared.authority, request) === "deny");
  if (refused !== undefined) throw denied(engine, prepared, prepared.digest(), refused);
  return requests;
}

async function perform(engine: Engine, prepared: Prepared, asked: readonly ScopeRequest[]): Promise<Answer> {
  const { operation, run } = prepared;
  if (asked.length > 0) await askFor(engine, prepared, asked);
  run.startDeadline(operation.deadlineMs);
  const module = await readyModule(engine, prepared);
  engine.recorder.begin(prepared);
  if (operation.effect === "destroy") await engine.recorder.intent(prepared);
  const context: CallContext = {
    callId: run.callId,
    caller: prepared.call.caller,
    authority: authorityOf({ ...prepared.authority, approved: asked }),
    signal: run.signal,
    progress: (progress) => prepared.call.onProgress?.(progress),
    bytes: prepared.call.bytes ?? nothing(),
    messages: checkedMessages(operation, prepared.call.messages),
  };
  // An abort that came while we waited must stop the call here: from the next line on it has effects.
  run.signal.throwIfAborted();
  const { options, limits, recorder } = engine;
  const finish = (failure: OperoneError | undefined) => recorder.finish(prepared, failure);
  return answerOf({ operation, run, finish, clock: options.clock, log: options.log, limits }, () =>
    operation.run(module.state, prepared.input, context),
  );
}

async function askFor(engine: Engine, prepared: Prepared, requests: readonly ScopeRequest[]): Promise<void> {
  const { operation, call, run, input } = prepared;
  const policy = engine.options.policy();
  if (policy === undefined) {
    throw new OperoneError(
      "unavailable",
      `"${operation.id}" needs a person's approval, and nothing here can ask for one`,
    );
  }
  const request = {
    callId: run.callId,
    caller: call.caller,
    operation: operation.id,
    effect: operation.effect,
    requests,
    preview: operation.preview(input),
    inputDigest: prepared.digest(),
  };
  try {
    await run.race(policy.approve(request, run.signal));
  } catch (error) {
    if (error instanceof OperoneError && error.code === "forbidden")
      engine.recorder.denial(prepared, prepared.digest());
    throw error;
  }
}

async function readyModule(engine: Engine, { operation, run }: Prepared): Promise<Runnable> {
  const module = engine.options.module(operation.module);
  if (module?.status === "starting") await run.race(module.ready.catch(() => {}));
  const status = module?.status ?? "stopped";
  if (module !== undefined && (status === "ready" || status === "degraded")) return module;
  throw new OperoneError(
    "unavailable",
    `The module "${operation.module}" is ${status}, so "${operation.id}" cannot run; "operone modules" shows why`,
  );
}

function denied(
  engine: Engine,
  admitted: Admitted,
  inputDigest: string,
  request: ScopeRequest,
): OperoneError {
  engine.recorder.denial(admitted, inputDigest);
  return forbidden(admitted.call.sets, request.permission, request.request);
}

/** The same words for an operation that does not exist and for one that this surface does not show. */
function unknownOperation(call: Call): OperoneError {
  return new OperoneError(
    "not_found",
    `There is no operation "${call.operation}" here; "operone --help" lists them`,
  );
}

function callIdOf(random: Random): string {
  return Array.from(random.bytes(16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
