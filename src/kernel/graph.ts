/** Start order from what modules require and provide, and the checks that a set of manifests must pass together. */
import type { Permission } from "./authority.ts";
import { OperoneError } from "./error.ts";
import type { Module, ServiceKeys } from "./module.ts";
import type { Operation } from "./operation.ts";
import type { Prompt, Resource } from "./resource.ts";
import type { OperationTable } from "./view.ts";

/**
 * Providers before users; ties by id, so that the order never depends on import order.
 *
 * @param provided ids of the services that exist before any module starts (ports, the kernel's own view)
 * @throws OperoneError `internal` naming both sides of a missing, duplicate or cyclic requirement
 */
export function startOrder(modules: readonly Module[], provided: ReadonlySet<string>): readonly Module[] {
  const providers = providersOf(modules, provided);
  const ordered: Module[] = [];
  const done = new Set<string>();
  const visit = (module: Module, path: readonly string[]) => {
    if (done.has(module.id)) return;
    if (path.includes(module.id)) {
      const cycle = [...path.slice(path.indexOf(module.id)), module.id];
      throw new OperoneError("internal", `Modules need each other in a circle: ${cycle.join(" -> ")}`);
    }
    for (const id of serviceIds(module.requires)) {
      if (provided.has(id)) continue;
      const provider = providers.get(id);
      if (provider === undefined) {
        throw new OperoneError(
          "internal",
          `Module "${module.id}" requires the service "${id}", which no module provides; add its provider to src/modules.ts`,
        );
      }
      visit(provider, [...path, module.id]);
    }
    done.add(module.id);
    ordered.push(module);
  };
  for (const module of modules.toSorted(byId)) visit(module, []);
  return ordered;
}

/** Services that `module` requires, mapped to the modules that provide them; ports are left out. */
export function providersOf(
  modules: readonly Module[],
  provided: ReadonlySet<string>,
): ReadonlyMap<string, Module> {
  const ids = new Set<string>();
  const providers = new Map<string, Module>();
  for (const module of modules) {
    if (ids.has(module.id)) throw new OperoneError("internal", `Two modules have the id "${module.id}"`);
    ids.add(module.id);
    for (const id of serviceIds(module.provides)) {
      const other = provided.has(id) ? "the kernel" : providers.get(id)?.id;
      if (other !== undefined) {
        throw new OperoneError(
          "internal",
          `The service "${id}" is provided by "${other}" and by "${module.id}"`,
        );
      }
      providers.set(id, module);
    }
  }
  return providers;
}

/** @throws OperoneError `internal` for a permission declared twice, or named outside its module's own prefix. */
export function permissionsOf(modules: readonly Module[]): ReadonlyMap<string, Permission> {
  const permissions = new Map<string, Permission>();
  for (const module of modules.toSorted(byId)) {
    for (const [name, permission] of Object.entries(module.permissions)) {
      if (!name.startsWith(`${module.id}.`)) {
        throw new OperoneError(
          "internal",
          `Module "${module.id}" declares the permission "${name}"; its permissions begin with "${module.id}."`,
        );
      }
      permissions.set(name, permission);
    }
  }
  return permissions;
}

/** @throws OperoneError `internal` for an operation listed twice, of another module, or that needs an unknown permission. */
export function operationTable(
  modules: readonly Module[],
  permissions: ReadonlyMap<string, Permission>,
): OperationTable {
  const operations: Operation[] = [];
  for (const module of modules) {
    for (const operation of module.operations) {
      if (operation.module !== module.id) {
        throw new OperoneError(
          "internal",
          `Module "${module.id}" lists "${operation.id}", which belongs to "${operation.module}"`,
        );
      }
      const unknown = [...operation.needs, ...operation.needsOneOf].find((name) => !permissions.has(name));
      if (unknown !== undefined) {
        throw new OperoneError(
          "internal",
          `Operation "${operation.id}" needs "${unknown}", which no module declares`,
        );
      }
      operations.push(operation);
    }
  }
  const table = new Map<string, Operation>();
  for (const operation of operations.toSorted(byId)) {
    if (table.has(operation.id))
      throw new OperoneError("internal", `The operation "${operation.id}" is listed twice`);
    table.set(operation.id, operation);
  }
  return table;
}

/** In a stable order, so that start order and messages are the same on every run. */
export function serviceIds(keys: ServiceKeys): readonly string[] {
  return Object.values(keys)
    .map((key) => key.id)
    .toSorted();
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/**
 * What all modules show, by name.
 *
 * @throws OperoneError `internal` for a name or a URI that is there twice, and for an operation that is not there
 */
export function shownBy(
  modules: readonly Module[],
  table: OperationTable,
): { readonly resources: readonly Resource[]; readonly prompts: readonly Prompt[] } {
  const resources = modules.flatMap((module) => module.resources ?? []).toSorted(byName);
  const prompts = modules.flatMap((module) => module.prompts ?? []).toSorted(byName);
  assertOnce(resources.map(({ name }) => `resource "${name}"`));
  assertOnce(resources.map(({ uri }) => `URI "${uri}"`));
  assertOnce(prompts.map(({ name }) => `prompt "${name}"`));
  const completions = [
    ...resources.flatMap(({ complete }) => Object.values(complete ?? {})),
    ...prompts.flatMap((prompt) => prompt.arguments.flatMap(({ complete }) => complete ?? [])),
  ];
  const uses = [...resources.flatMap(({ read, list, watch }) => [read, list, watch]), ...completions];
  const named = [...uses.map((use) => use?.operation), ...prompts.flatMap((prompt) => prompt.uses)];
  const unknown = named.find((id) => id !== undefined && !table.has(id));
  if (unknown === undefined) return { resources, prompts };
  throw new OperoneError("internal", `A resource or a prompt uses "${unknown}", which no module has`);
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function assertOnce(names: readonly string[]): void {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new OperoneError("internal", `The ${twice} is there twice`);
}
