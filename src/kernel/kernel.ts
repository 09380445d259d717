/** Boots modules in order, rolls back, shows their states, stops in reverse. Knows no domain word. */
import * as v from "valibot";
import type { Permission } from "./authority.ts";
import { Bell } from "./bell.ts";
import { createDispatcher, type Dispatcher, type DispatchLimits } from "./dispatch.ts";
import { OperoneError } from "./error.ts";
import { operationTable, permissionsOf, providersOf, serviceIds, shownBy, startOrder } from "./graph.ts";
import { withLimit } from "./limit.ts";
import type { Module, ModuleStatus, Service } from "./module.ts";
import { type Clock, Journal, type Log, Policy, type Random, Router } from "./ports.ts";
import { ModuleRun, type RunTold } from "./run.ts";
import { durationMsBounds } from "./statistics.ts";
import { type SupervisorLimits, supervisorLimits } from "./supervisor.ts";
import { KernelView, type OperationTable } from "./view.ts";

export interface KernelLimits {
  /** For one module's `start`, which must return at once. */
  readonly startMs: number;
  /** For all running calls, at stop, before they are aborted. */
  readonly drainMs: number;
  /** For one closer, or one task, at stop. */
  readonly closeMs: number;
}

export const kernelLimits: KernelLimits = { startMs: 10_000, drainMs: 5_000, closeMs: 5_000 };

export interface BootOptions {
  readonly modules: readonly Module[];
  /** Raw configuration by module id; each module's part is parsed with its own schema. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Services that exist before any module: the ports. */
  readonly provided?: readonly (readonly [Service<unknown>, unknown])[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What this node is called, in selectors and grants. */
  readonly nodeNames?: ReadonlySet<string>;
  readonly limits?: Partial<KernelLimits>;
  readonly dispatch?: DispatchLimits;
  readonly supervisor?: SupervisorLimits;
}

export interface Kernel {
  readonly view: KernelView;
  /** Resolves with the reason when a module, or `stop`, asked the node to end. */
  readonly stopRequested: Promise<string>;
  /** A service of a running module. @throws OperoneError `unavailable` when its provider is not running. */
  service<T>(key: Service<T>): T;
  /** Refuses new calls, lets running ones end within the limit, then closes everything in reverse. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts every module. A failed optional module is recorded and shown; so are those that need its services.
 *
 * @throws OperoneError when a required module fails, after everything already started was stopped again
 */
export async function boot(options: BootOptions): Promise<Kernel> {
  const limits = { ...kernelLimits, ...options.limits };
  const services = new Map<string, unknown>(options.provided?.map(([key, value]) => [key.id, value]));
  const provided = new Set([...services.keys(), KernelView.id]);
  const order = startOrder(options.modules, provided);
  // All of it before anything starts: a wrong key in the last table must not start and stop the first module.
  const configs = new Map(order.map((module) => [module.id, configOf(module, options.config)]));
  const runs = new Map<string, ModuleRun>();
  const permissions = permissionsOf(order);
  const table = operationTable(order, permissions);
  const dispatcher = dispatcherOf(options, table, permissions, runs, services);
  let requestStop: (reason: string) => void = () => {};
  const stopRequested = new Promise<string>((resolve) => {
    requestStop = resolve;
  });
  const changes = new Bell();
  const view: KernelView = {
    table,
    permissions,
    ...shownBy(order, table),
    call: dispatcher.call,
    modules: () => order.map((module) => statusOf(module, runs.get(module.id))),
    nodes: () => (services.get(Router.id) as Router | undefined)?.connected?.() ?? [],
    changes,
    statistics: dispatcher.statistics.read,
    durationMsBounds,
    callsInFlight: dispatcher.callsInFlight,
    requestStop,
  };
  services.set(KernelView.id, view);
  const providers = providersOf(order, provided);
  const startOne = async (module: Module) => {
    const told = toldOf(module, changes, requestStop);
    const run = new ModuleRun(module, options, limits, options.supervisor ?? supervisorLimits, told);
    runs.set(module.id, run);
    const missing = serviceIds(module.requires).find((id) => !services.has(id));
    if (missing === undefined) await run.start(configs.get(module.id), services);
    else
      run.fail(
        `it requires "${missing}" of the module "${providers.get(missing)?.id}", which is not running`,
      );
    if (run.status !== "failed" || module.required !== true) return;
    throw new OperoneError(
      run.failureCode,
      `The required module "${module.id}" did not start: ${run.reason}`,
    );
  };
  const stop = once(() => stopAll(dispatcher, [...runs.values()], limits, options.clock));
  try {
    for (const module of order) await startOne(module);
  } catch (error) {
    await stop();
    throw error;
  }
  return { view, stopRequested, stop, service: (key) => required(key, services) };
}

function toldOf({ id, required }: Module, changes: Bell, requestStop: (reason: string) => void): RunTold {
  return {
    changed: () => changes.ring(),
    failed(reason) {
      if (required === true) requestStop(`the required module "${id}" failed: ${reason}`);
    },
  };
}

function dispatcherOf(
  options: BootOptions,
  table: OperationTable,
  permissions: ReadonlyMap<string, Permission>,
  runs: ReadonlyMap<string, ModuleRun>,
  services: ReadonlyMap<string, unknown>,
): Dispatcher {
  const optional = <T>(key: Service<T>) => services.get(key.id) as T | undefined;
  return createDispatcher({
    table,
    permissions,
    clock: options.clock,
    random: options.random,
    log: options.log,
    nodeNames: options.nodeNames ?? new Set(),
    module: (id) => runs.get(id),
    policy: () => optional(Policy),
    journal: () => optional(Journal),
    router: () => optional(Router),
    ...(options.dispatch === undefined ? {} : { limits: options.dispatch }),
  });
}

function configOf(module: Module, config: Readonly<Record<string, unknown>> = {}): unknown {
  const parsed = v.safeParse(module.config, config[module.id] ?? {});
  if (parsed.success) return parsed.output;
  throw new OperoneError(
    "invalid_input",
    `The configuration of "${module.id}" is not valid: ${v.summarize(parsed.issues)}`,
  );
}

function required<T>(key: Service<T>, services: ReadonlyMap<string, unknown>): T {
  if (!services.has(key.id))
    throw new OperoneError("unavailable", `No running module provides the service "${key.id}"`);
  return services.get(key.id) as T;
}

function statusOf(module: Module, run: ModuleRun | undefined): ModuleStatus {
  return {
    id: module.id,
    summary: module.summary,
    state: run?.status ?? "starting",
    required: module.required === true,
    ...(run?.reason === undefined ? {} : { reason: run.reason }),
    requires: serviceIds(module.requires),
    provides: serviceIds(module.provides),
    operations: module.operations.length,
  };
}

/** The modules are given in start order; those that depend on others started later, so they stop first. */
async function stopAll(
  dispatcher: Dispatcher,
  runs: readonly ModuleRun[],
  limits: KernelLimits,
  clock: Clock,
): Promise<void> {
  dispatcher.close();
  const drained = dispatcher.drained();
  await withLimit(drained, limits.drainMs, clock);
  dispatcher.abortAll();
  await withLimit(drained, limits.closeMs, clock);
  for (const run of runs.toReversed()) await run.stop();
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= run();
    return running;
  };
}
