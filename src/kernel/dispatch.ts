/**
 * The only door to a handler. For every surface, in this order: exposed here? -> node -> permission -> input ->
 * scope -> ask (the deadline waits) -> module ready -> intent -> run -> output -> audit.
 */
import * as v from "valibot";
import { answerOf, invalidInput, type Performance } from "./answer.ts";
import {
  type AuthorityContext,
  decide,
  forbidden,
  forbids,
  holds,
  type Permission,
  type ScopeRequest,
} from "./authority.ts";
import { type Answer, type Call, waitingForPerson } from "./call.ts";
import { OperoneError } from "./error.ts";
import { HandlerContext } from "./handler-context.ts";
import { type Idempotency, idempotency } from "./idempotency.ts";
import type { ModuleState } from "./module.ts";
import type { Awaitable } from "./operation.ts";
import type { Clock, Journal, Log, Policy, Random, Router, RouteTarget } from "./ports.ts";
import { Admitted, createRecorder, type Recorder } from "./recorder.ts";
import { failureOf, InFlight } from "./running.ts";
import { routerFor, sentAnswer } from "./sent-call.ts";
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
  /** Refuses new calls from now on, and ends those that wait for a person or a module: nothing has happened yet. */
  close(): void;
  /** Resolves when no call runs any more. */
  drained(): Promise<void>;
  /** Aborts what still runs. */
  abortAll(): void;
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { permissions, clock, nodeNames, limits = dispatchLimits } = options;
  const counts = statistics();
  const inFlight = new InFlight(limits);
  const recorder = createRecorder(options, counts);
  let closed = false;
  const dispatcher: Dispatcher = {
    statistics: counts,
    callsInFlight: () => inFlight.size,
    async call(call) {
      const operation = options.table.get(call.operation);
      if (operation === undefined || !operation.surfaces.includes(call.surface)) throw unknownOperation(call);
      if (closed)
        throw new OperoneError("unavailable", "The node is stopping; call it again when it is back");
      const run = inFlight.start(call, call.callId ?? callIdOf(options.random), clock);
      const authority = { permissions, sets: call.sets, nowMs: clock.nowMs, nodeNames };
      const admitted = new Admitted(call, operation, run, authority, clock.monotonicMs());
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
      inFlight.abortWaiting(stopping());
    },
    drained: () => inFlight.drained(),
    abortAll: () => inFlight.abortAll(stopping()),
  };
  const engine = { options, limits, recorder, keys: idempotency(clock), call: dispatcher.call };
  return dispatcher;
}

function stopping(): OperoneError {
  return new OperoneError("unavailable", "The node is stopping; the call was ended");
}

interface Engine {
  /** For what a handler calls. */
  readonly call: Dispatcher["call"];
  readonly options: DispatcherOptions;
  readonly limits: DispatchLimits;
  readonly recorder: Recorder;
  readonly keys: Idempotency;
}

async function dispatch(engine: Engine, admitted: Admitted): Promise<Answer> {
  const { call, operation, authority } = admitted;
  if (call.node !== undefined && !isLocal(engine, call.node)) return route(engine, admitted, call.node);
  assertHolds(engine, admitted, authority);
  admitted.input = validate(admitted);
  const scope = scopeOf(admitted);
  // Almost every operation knows it at once, and waits for nothing.
  const requests = scope instanceof Promise ? await scope : scope;
  assertNoneDenied(engine, admitted, requests);
  const asked = requests.filter((request) => decide(authority, request) === "ask");
  const answer = () => perform(engine, admitted, asked);
  if (call.idempotencyKey === undefined) return answer();
  if (operation.gives !== "value" || operation.effect === "read") {
    throw new OperoneError(
      "invalid_input",
      `"${operation.id}" takes no idempotency key; only writes that give one value do`,
    );
  }
  const value = await admitted.run.race(
    engine.keys.once(call.caller, call.idempotencyKey, `${operation.id} ${admitted.digest()}`, {
      async run() {
        const first = await answer();
        return first.gives === "value" ? first.value : undefined;
      },
      begun: () => admitted.run.begun,
    }),
  );
  // A repeated write is answered from memory: it has run, and was recorded, under its first call.
  admitted.run.release();
  return { gives: "value", callId: admitted.run.callId, value };
}

/** The router knows whether another node has this one's name too: then the name alone means neither. */
function isLocal({ options }: Engine, selector: string): boolean {
  if (selector === "self") return true;
  return options.router()?.isLocal(selector) ?? options.nodeNames.has(selector);
}

/** @throws OperoneError `forbidden` unless the operation's permissions are held, whatever their scope */
function assertHolds(engine: Engine, admitted: Admitted, authority: AuthorityContext): void {
  const { needs, needsOneOf } = admitted.operation;
  const lacks = (permission: string) => !holds(authority, permission);
  const missing = needs.find(lacks) ?? (needsOneOf.every(lacks) ? needsOneOf[0] : undefined);
  if (missing === undefined) return;
  engine.recorder.denial(admitted, "");
  throw forbidden(authority, missing);
}

/**
 * Permission, node and expiry are judged here; paths, commands and the input itself only where it runs. What is sent
 * is audited on both sides.
 */
async function route(engine: Engine, admitted: Admitted, selector: string): Promise<Answer> {
  const { call, operation, run, authority } = admitted;
  // Whoever may do it nowhere does not even learn which nodes there are.
  assertHolds(engine, admitted, { ...authority, where: "anywhere" });
  const router = routerFor(engine.options.router(), admitted, selector);
  const permit = ({ names }: RouteTarget) =>
    assertHolds(engine, admitted, { ...authority, nodeNames: names, where: "elsewhere" });
  const parsed = v.safeParse(operation.input, call.input ?? {});
  // The digest of both audits is that of the validated input; one that this version refuses is judged over there.
  admitted.input = parsed.success ? parsed.output : call.input;
  admitted.sentTo = selector;
  const { node: _, ...rest } = call;
  const sent = { ...rest, callId: run.callId, signal: run.signal };
  if (operation.effect === "destroy") await engine.recorder.intent(admitted);
  run.begun = true;
  const answer = await run.race(router.route(selector, { call: sent, operation, permit }));
  const finish = (failure: OperoneError | undefined) => engine.recorder.finish(admitted, failure);
  if (answer.gives === "value") {
    await finish(undefined);
    run.release();
    return answer;
  }
  return sentAnswer(engine.options.log, admitted, answer, finish);
}

function validate({ operation, call }: Admitted): unknown {
  const parsed = v.safeParse(operation.input, call.input ?? {});
  if (!parsed.success) throw invalidInput(operation, parsed.issues);
  return parsed.output;
}

function scopeOf({ operation, input, authority }: Admitted): Awaitable<readonly ScopeRequest[]> {
  return operation.scope(input, {
    decide: (request) => decide(authority, request),
    forbids: (request) => forbids(authority, request),
  });
}

/** @throws OperoneError `forbidden` */
function assertNoneDenied(engine: Engine, admitted: Admitted, requests: readonly ScopeRequest[]): void {
  const refused = requests.find((request) => decide(admitted.authority, request) === "deny");
  if (refused === undefined) return;
  engine.recorder.denial(admitted, admitted.digest());
  throw forbidden(admitted.authority, refused.permission, refused.request);
}

async function perform(engine: Engine, admitted: Admitted, asked: readonly ScopeRequest[]): Promise<Answer> {
  const { operation, run } = admitted;
  if (asked.length > 0) await askFor(engine, admitted, asked);
  const module = readyModule(engine, admitted) ?? (await startingModule(engine, admitted));
  run.begun = true;
  if (operation.effect === "destroy") {
    run.startDeadline(operation.deadlineMs);
    await engine.recorder.intent(admitted);
  }
  // An abort that came while we waited must stop the call here: from the next line on it has effects.
  run.throwIfAborted();
  const { options, limits, recorder } = engine;
  const finish = (failure: OperoneError | undefined) => recorder.finish(admitted, failure);
  return answerOf({ operation, run, finish, clock: options.clock, log: options.log, limits }, () =>
    operation.run(module.state, admitted.input, new HandlerContext(admitted, asked, engine.call)),
  );
}

async function askFor(engine: Engine, admitted: Admitted, requests: readonly ScopeRequest[]): Promise<void> {
  const { operation, call, run, input } = admitted;
  const policy = engine.options.policy();
  if (policy === undefined) {
    throw new OperoneError(
      "unavailable",
      `"${operation.id}" needs a person's approval, and nothing here can ask for one`,
    );
  }
  if (call.bytes !== undefined || call.messages !== undefined) {
    throw new OperoneError(
      "unsupported",
      `"${operation.id}" needs a person's approval, and what streams in with the call cannot be shown before it runs; call it without, for example with a JSON body alone`,
    );
  }
  if (call.surface === "mesh" && operation.effect === "read") throw notAsked(operation.id);
  const request = {
    callId: run.callId,
    caller: call.caller,
    ...(call.sharedBy === undefined ? {} : { sharedBy: call.sharedBy }),
    operation: operation.id,
    effect: operation.effect,
    requests,
    preview: await operation.preview(input),
    inputDigest: admitted.digest(),
  };
  if (call.surface === "mesh") call.onProgress?.({ done: 0, note: waitingForPerson });
  try {
    const approved = policy.approve(request, run.signal);
    call.onAsking?.(request);
    await run.race(approved);
  } catch (error) {
    if (error instanceof OperoneError && error.code === "forbidden")
      engine.recorder.denial(admitted, admitted.digest());
    throw error;
  }
}

/** A person's attention is worth more than a look from elsewhere. */
function notAsked(id: string): OperoneError {
  return new OperoneError(
    "forbidden",
    `"${id}" only reads, and no person here is asked for what another node wants to read; the right for it must be an "allow"`,
  );
}

function readyModule(engine: Engine, { operation }: Admitted): Runnable | undefined {
  const module = engine.options.module(operation.module);
  return module?.status === "ready" || module?.status === "degraded" ? module : undefined;
}

async function startingModule(engine: Engine, admitted: Admitted): Promise<Runnable> {
  const { operation, run } = admitted;
  run.startDeadline(operation.deadlineMs);
  const waiting = engine.options.module(operation.module);
  if (waiting?.status === "starting") await run.race(waiting.ready.catch(() => {}));
  const ready = readyModule(engine, admitted);
  if (ready !== undefined) return ready;
  throw new OperoneError(
    "unavailable",
    `The module "${operation.module}" is ${waiting?.status ?? "stopped"}, so "${operation.id}" cannot run; "operone modules" shows why`,
  );
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
