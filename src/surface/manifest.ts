/** A module's capability manifest as JSON: what can be read, compared and granted before any of its code runs. */
import type { JsonSchema } from "@valibot/to-json-schema";
import { serviceIds } from "../kernel/graph.ts";
import type { Module } from "../kernel/module.ts";
import type { Effect, Gives, SurfaceName, Takes } from "../kernel/operation.ts";
import type { Prompt, Resource } from "../kernel/resource.ts";
import { jsonSchemaOf } from "./schema.ts";

export interface Manifest {
  readonly id: string;
  readonly summary: string;
  /** The node cannot run without it. */
  readonly required: boolean;
  /** Ids of services, sorted. */
  readonly requires: readonly string[];
  readonly provides: readonly string[];
  readonly permissions: readonly ManifestPermission[];
  readonly operations: readonly ManifestOperation[];
  readonly resources: readonly ManifestResource[];
  readonly prompts: readonly ManifestPrompt[];
  /** JSON Schema of its table in the configuration. */
  readonly configuration: JsonSchema;
}

export interface ManifestPermission {
  readonly name: string;
  readonly summary: string;
  readonly ownerOnly: boolean;
  readonly warning?: string;
  /** JSON Schema of a grant's scope; absent when the permission is all or nothing. */
  readonly scope?: JsonSchema;
}

export interface ManifestOperation {
  readonly id: string;
  readonly summary: string;
  readonly effect: Effect;
  readonly needs: readonly string[];
  readonly surfaces: readonly SurfaceName[];
  readonly takes: Takes;
  readonly gives: Gives;
}

export interface ManifestResource {
  readonly name: string;
  readonly uri: string;
  readonly description: string;
  /** Ids of the operations that it is read by, listed by and watched by, as whoever asks. */
  readonly read: string;
  readonly list?: string;
  readonly watch?: string;
}

export interface ManifestPrompt {
  readonly name: string;
  readonly description: string;
  readonly arguments: readonly { readonly name: string; readonly required: boolean }[];
  /** Ids of the operations that it speaks of. */
  readonly uses: readonly string[];
  /** Keys of what it asks the person first. */
  readonly asks: readonly string[];
}

/** In the order of their ids, so that two versions can be compared line by line. */
export function manifestsOf(modules: readonly Module[]): readonly Manifest[] {
  return modules.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(manifestOf);
}

function manifestOf(module: Module): Manifest {
  return {
    id: module.id,
    summary: module.summary,
    required: module.required === true,
    requires: serviceIds(module.requires),
    provides: serviceIds(module.provides),
    permissions: Object.entries(module.permissions)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { summary, ownerOnly = false, warning, scope }]) => ({
        name,
        summary,
        ownerOnly,
        ...(warning === undefined ? {} : { warning }),
        ...(scope === undefined ? {} : { scope: jsonSchemaOf(scope, "input") }),
      })),
    operations: module.operations
      .map(({ id, summary, effect, needs, surfaces, takes, gives }) => ({
        id,
        summary,
        effect,
        needs,
        surfaces,
        takes,
        gives,
      }))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    resources: (module.resources ?? []).map(resourceOf).toSorted(byName),
    prompts: (module.prompts ?? []).map(promptOf).toSorted(byName),
    configuration: jsonSchemaOf(module.config, "input"),
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function resourceOf({ name, uri, description, read, list, watch }: Resource): ManifestResource {
  return {
    ...{ name, uri, description, read: read.operation },
    ...(list === undefined ? {} : { list: list.operation }),
    ...(watch === undefined ? {} : { watch: watch.operation }),
  };
}

function promptOf({ name, description, arguments: all, uses, asks = {} }: Prompt): ManifestPrompt {
  return {
    ...{ name, description, uses },
    arguments: all.map(({ name: argument, required }) => ({ name: argument, required })),
    asks: Object.keys(asks),
  };
}
