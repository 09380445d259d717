/**
 * A module is a subsystem that the kernel loads from its capability manifest.
 *
 * Life cycle, in order:
 *
 *  1. **declared**: `defineModule({...})` is data. It can be printed as JSON, read and granted before any of the
 *     module's code runs. `module.ts`, `operations.ts` and `contract.ts` import only the kernel and valibot at the
 *     top level, so help, documents and tool lists come without loading anything heavy.
 *  2. **configured**: the kernel parses the module's part of the configuration with `config`. Unknown keys are errors.
 *  3. **starting**: providers start before users (`requires` and `provides` make the order; ties go by id).
 *     `start()` gets its parsed configuration, exactly the services it named, and a scope. It returns at once:
 *     heavy work goes into `scope.task` (supervised, imports lazily) or into the `ready` promise.
 *  4. **ready**: when `ready` resolves. Until then operations wait within their own deadline, then answer `unavailable`.
 *  5. **degraded**: a supervised task is failing and being restarted; operations still run.
 *  6. **failed**: `start` threw, `ready` rejected, or a task gave up. Operations answer `unavailable` and say why.
 *     A failed `required` module takes the node down; any other is recorded and shown.
 *  7. **stopped**: the scope's signal aborts, tasks are awaited, and what was registered with `scope.defer` is closed
 *     in reverse order. The module stops before the modules whose services it uses.
 */
import type { GenericSchema, InferOutput } from "valibot";
import type { Permission } from "./authority.ts";
import type { Awaitable, Operation } from "./operation.ts";
import type { Prompt, Resource } from "./resource.ts";

/** A typed key. Two modules meet only through one of these, never through each other's files. */
export interface Service<T> {
  readonly id: string;
  /** Carries the type; never present at run time. */
  readonly type?: T;
}

export function service<T>(id: string): Service<T> {
  return { id };
}

export type ServiceKeys = Readonly<Record<string, Service<unknown>>>;
export type ServiceValues<K extends ServiceKeys> = {
  readonly [Name in keyof K]: K[Name] extends Service<infer T> ? T : never;
};

/** Everything that a running module owns is registered here; the kernel closes it in reverse order. */
export interface Scope {
  readonly signal: AbortSignal;
  /** Registers a closer. It gets at most `closeTimeoutMs` of the kernel, then the stop goes on without it. */
  defer(close: () => Awaitable<void>): void;
  /**
   * Runs background work under the supervisor: restarted with back-off when it throws, given up after too many
   * failures in a row, finished when it returns.
   */
  task(name: string, run: (signal: AbortSignal) => Promise<void>): void;
}

export interface StartInput<C extends GenericSchema, R extends ServiceKeys> {
  readonly config: InferOutput<C>;
  readonly use: ServiceValues<R>;
  readonly scope: Scope;
}

export interface Started<P extends ServiceKeys, S> {
  /** Given to each of the module's operations. */
  readonly state: S;
  readonly services: ServiceValues<P>;
  /** Resolves when operations can run; absent means at once. */
  readonly ready?: Promise<void>;
}

/** The capability manifest and the module's start. */
export interface Module<
  C extends GenericSchema = GenericSchema,
  R extends ServiceKeys = ServiceKeys,
  P extends ServiceKeys = ServiceKeys,
  S = unknown,
> {
  /** Lower-case word; also the name of its folder, its configuration table and its data directory. */
  readonly id: string;
  readonly summary: string;
  /** The node cannot run without it. */
  readonly required?: boolean;
  /** A `v.strictObject` in which every key has a default, so that an absent table works. */
  readonly config: C;
  readonly permissions: Readonly<Record<string, Permission>>;
  readonly requires: R;
  readonly provides: P;
  readonly operations: readonly Operation<S>[];
  /** Shown under URIs, for agents. */
  readonly resources?: readonly Resource[];
  readonly prompts?: readonly Prompt[];
  start(input: StartInput<C, R>): Awaitable<Started<P, S>>;
}

/** Types a manifest. Adds nothing: what you write is what the kernel reads. */
export function defineModule<
  C extends GenericSchema,
  const R extends ServiceKeys,
  const P extends ServiceKeys,
  S,
>(module: Module<C, R, P, S>): Module<C, R, P, S> {
  return module;
}

export type ModuleState = "starting" | "ready" | "degraded" | "failed" | "stopped";

export interface ModuleStatus {
  readonly id: string;
  readonly summary: string;
  readonly state: ModuleState;
  readonly required: boolean;
  /** Why it is degraded or failed; for the owner's eyes. */
  readonly reason?: string;
  readonly requires: readonly string[];
  readonly provides: readonly string[];
  readonly operations: number;
}
