/** The tools of one connection: what its profile admits and its caller holds any right for, always in the same order. */
import { type AuthorityContext, holds } from "../kernel/authority.ts";
import { OperoneError } from "../kernel/error.ts";
import { nearest } from "../kernel/nearest.ts";
import type { Operation } from "../kernel/operation.ts";
import type { OperationTable } from "../kernel/view.ts";
import { type FrontTool, frontTools } from "./mcp-front.ts";
import { admits, type McpProfile } from "./mcp-profile.ts";
import { frontSchemaOf, inputSchemaOf, type Json, outputSchemaOf, type ToolSchema } from "./mcp-schema.ts";

/** As it goes over the wire. */
export interface ShownTool {
  readonly name: string;
  readonly title?: string;
  readonly description: string;
  readonly inputSchema: ToolSchema;
  readonly outputSchema?: ToolSchema;
  readonly annotations?: Annotations;
  readonly icons?: readonly { readonly src: string; readonly mimeType: string; readonly sizes: string[] }[];
}

interface Annotations {
  readonly readOnlyHint?: boolean;
  readonly destructiveHint?: boolean;
  readonly idempotentHint?: boolean;
  readonly openWorldHint?: boolean;
}

/** What a name leads to. */
export interface FoundTool {
  readonly operation: Operation;
  /** When it was called by the name that agents know. */
  readonly front?: FrontTool;
}

/** Of a whole call; tools that an agent can look up but that are in no list. */
const foundMax = 12;

/** Names of tools have letters, digits and "_" alone: every model takes these. */
function toolNameOf({ id }: Operation): string {
  return id.replaceAll(/[.-]/g, "_");
}

export class UnknownTool extends OperoneError {
  readonly tool: string;

  constructor(tool: string, near: string | undefined) {
    const next = near === undefined ? "search_tools lists what there is" : `did you mean "${near}"?`;
    super("not_found", `There is no tool "${tool.slice(0, 100)}" for you; ${next}`);
    this.tool = tool;
  }
}

export interface CatalogueOptions {
  readonly table: OperationTable;
  readonly profiles: readonly McpProfile[];
  /** Says of a module whether its tools are in lists. One that is not working is still told of to whoever calls it. */
  works?(module: string): boolean;
}

/** Of each table, by the profiles; a node has one table, and its agents few profiles. */
const made = new WeakMap<OperationTable, Map<string, Catalogue>>();
const madeMax = 64;

/** One that is made once: to make it anew for each request would cost more than a short call. */
export function catalogueOf(options: CatalogueOptions): Catalogue {
  const { table, profiles } = options;
  const key = JSON.stringify(profiles.map(({ tools, deny, readOnly }) => [tools, deny, readOnly]));
  const known = made.get(table) ?? new Map<string, Catalogue>();
  made.set(table, known);
  const found = known.get(key) ?? new Catalogue(options);
  // The one that is used is the newest; the oldest goes.
  known.delete(key);
  known.set(key, found);
  const [oldest] = known.keys();
  if (known.size > madeMax && oldest !== undefined) known.delete(oldest);
  return found;
}

export class Catalogue {
  readonly #byName: ReadonlyMap<string, FoundTool>;
  readonly #works: (module: string) => boolean;

  constructor(options: CatalogueOptions) {
    this.#works = options.works ?? (() => true);
    const admitted = [...options.table.values()].filter(
      (operation) =>
        operation.surfaces.includes("mcp") &&
        // Nothing here can send messages into a call that runs.
        operation.takes !== "messages" &&
        options.profiles.every((profile) => admits(profile, operation)),
    );
    const byId = new Map(admitted.map((operation) => [operation.id, operation]));
    const fronts = frontTools.flatMap((front): [string, FoundTool][] => {
      const operation = byId.get(front.operation);
      return operation === undefined ? [] : [[front.name, { operation, front }]];
    });
    this.#byName = new Map([
      ...fronts,
      ...admitted.map((operation): [string, FoundTool] => [toolNameOf(operation), { operation }]),
      ...admitted.map((operation): [string, FoundTool] => [operation.id, { operation }]),
    ]);
  }

  /** The verbs that are used most. @param authority what the caller holds at the moment: rights come and go */
  front(authority: AuthorityContext): readonly ShownTool[] {
    return this.#held(
      authority,
      frontTools.map(({ name }) => name),
    ).map(([name, { operation, front }]) => ({
      name,
      description: front?.description ?? operation.summary,
      inputSchema: front === undefined ? inputSchemaOf(operation) : frontSchemaOf(front, operation),
      ...shortAnnotations(annotationsOf(operation)),
    }));
  }

  /** What is in the list. */
  names(authority: AuthorityContext, whole: boolean): readonly string[] {
    if (whole) return this.#operations(authority).map(({ id }) => id);
    return this.#held(
      authority,
      frontTools.map(({ name }) => name),
    ).map(([name]) => name);
  }

  /** Whether an operation is there, works, and may be called. */
  shows(authority: AuthorityContext, id: string): boolean {
    return this.#held(authority, [id]).length > 0;
  }

  /** Every operation under its own name. */
  whole(authority: AuthorityContext): readonly ShownTool[] {
    return this.#operations(authority).map((operation) => shownTool(operation));
  }

  /** @throws UnknownTool the same for what does not exist and for what this caller must not see */
  find(authority: AuthorityContext, name: string): FoundTool {
    const found = this.#byName.get(name);
    if (found !== undefined && isHeld(authority, found.operation)) return found;
    const near = nearest(
      name,
      this.#held(authority, [...this.#byName.keys()]).map(([known]) => known),
    );
    throw new UnknownTool(name, near);
  }

  /** The best fits first; of equal ones in the order of their names. An empty query: all of them. */
  search(
    authority: AuthorityContext,
    query: string,
  ): { readonly tools: readonly Json[]; readonly total: number } {
    const words = query
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .filter((word) => word !== "");
    const scored = this.#operations(authority)
      .map((operation) => ({ operation, score: scoreOf(operation, words) }))
      .filter(({ score }) => words.length === 0 || score > 0)
      .toSorted((a, b) => b.score - a.score);
    const max = words.length === 0 ? scored.length : foundMax;
    return {
      total: scored.length,
      tools: scored.slice(0, max).map(({ operation }) => ({
        name: toolNameOf(operation),
        summary: operation.summary,
        effect: operation.effect,
      })),
    };
  }

  #operations(authority: AuthorityContext): readonly Operation[] {
    const names = [...this.#byName.keys()].filter((name) => name.includes("."));
    return this.#held(authority, names).map(([, { operation }]) => operation);
  }

  #held(authority: AuthorityContext, names: readonly string[]): [string, FoundTool][] {
    return names.flatMap((name): [string, FoundTool][] => {
      const found = this.#byName.get(name);
      if (found === undefined || !isHeld(authority, found.operation)) return [];
      return this.#works(found.operation.module) ? [[name, found]] : [];
    });
  }
}

function isHeld(authority: AuthorityContext, { needs, needsOneOf }: Operation): boolean {
  const lacks = (permission: string) => !holds(authority, permission);
  return !needs.some(lacks) && (needsOneOf.length === 0 || !needsOneOf.every(lacks));
}

/** An operation as a tool, with everything that is known of it. */
export function shownTool(operation: Operation): ShownTool {
  const outputSchema = outputSchemaOf(operation);
  return {
    name: toolNameOf(operation),
    title: operation.summary,
    description: [operation.summary, operation.description].filter((text) => text !== undefined).join(". "),
    inputSchema: inputSchemaOf(operation),
    ...(outputSchema === undefined ? {} : { outputSchema }),
    annotations: annotationsOf(operation),
    icons: [iconOf(operation)],
  };
}

/**
 * The protocol's hints, as the effect says. Whoever asks a person only about what destroys must ask about a write too:
 * it may write over something.
 */
function annotationsOf({ effect, module }: Operation): Required<Annotations> {
  return {
    readOnlyHint: effect === "read",
    destructiveHint: effect !== "read",
    idempotentHint: effect === "read",
    openWorldHint: module === "shell" && effect !== "read",
  };
}

/** What the protocol takes for granted is not said: its defaults are false, true, false, true. */
function shortAnnotations(all: Required<Annotations>): { readonly annotations?: Annotations } {
  return all.readOnlyHint ? { annotations: { readOnlyHint: true } } : {};
}

const glyphs: Readonly<Record<string, string>> = {
  read: "M4 12s3-6 8-6 8 6 8 6-3 6-8 6-8-6-8-6z",
  write: "M5 19l1-4L16 5l3 3L9 18z",
  destroy: "M6 7h12M9 7V5h6v2M8 7l1 12h6l1-12",
};

/** By effect, so that a person who is asked sees what is at stake. */
function iconOf({ effect }: Operation) {
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='gray' stroke-width='2'><path d='${glyphs[effect] ?? ""}'/></svg>`;
  return { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, mimeType: "image/svg+xml", sizes: ["any"] };
}

/** A word in the name counts more than one in the summary, and that more than one in the description. */
function scoreOf(operation: Operation, words: readonly string[]): number {
  const name = operation.id.toLowerCase();
  const summary = operation.summary.toLowerCase();
  const rest = (operation.description ?? "").toLowerCase();
  const front = frontTools.find((tool) => tool.operation === operation.id)?.name ?? "";
  return words.reduce((score, word) => {
    if (name.includes(word) || front.includes(word)) return score + 4;
    if (summary.includes(word)) return score + 2;
    return rest.includes(word) ? score + 1 : score;
  }, 0);
}
