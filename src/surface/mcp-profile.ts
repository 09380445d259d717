/**
 * Which tools a connection has. Each part narrows, and of several profiles all must admit a tool: the node's
 * configuration and the command line cannot widen each other.
 */
import { OperoneError } from "../kernel/error.ts";
import { nearest } from "../kernel/nearest.ts";
import type { Operation } from "../kernel/operation.ts";
import type { OperationTable } from "../kernel/view.ts";

export interface McpProfile {
  /** Groups or names: `files`, `shell`, `fs.read`, `fs.*`. Empty: all. */
  readonly tools: readonly string[];
  /** Never, whatever `tools` says. */
  readonly deny: readonly string[];
  /** Only what changes nothing. */
  readonly readOnly: boolean;
}

/** What people call the modules that are not called so. */
const groups: Readonly<Record<string, readonly string[]>> = {
  files: ["fs"],
  nodes: ["node", "networking"],
};

/** `fs.read` for `fs.read`, `fs_read`; `fs.*` for `fs`, `fs.*`. */
function patternsOf(word: string): readonly string[] {
  const named = Object.hasOwn(groups, word) ? groups[word] : undefined;
  if (named !== undefined) return named.map((module) => `${module}.*`);
  if (/[._]/.test(word)) return [word.replace(/[._]/, ".").replaceAll("_", "-")];
  return [`${word}.*`];
}

function matches(pattern: string, { id, module }: Operation): boolean {
  return pattern.endsWith(".*") ? module === pattern.slice(0, -2) : id === pattern;
}

function namedIn(words: readonly string[], operation: Operation): boolean {
  return words.flatMap(patternsOf).some((pattern) => matches(pattern, operation));
}

export function admits({ tools, deny, readOnly }: McpProfile, operation: Operation): boolean {
  if (readOnly && operation.effect !== "read") return false;
  if (namedIn(deny, operation)) return false;
  return tools.length === 0 || namedIn(tools, operation);
}

/** A word that names nothing here is a mistake that would otherwise be an open door, or a closed one, unseen. */
export function assertKnown({ tools, deny }: McpProfile, table: OperationTable): void {
  const operations = [...table.values()].filter(({ surfaces }) => surfaces.includes("mcp"));
  for (const word of [...tools, ...deny]) {
    if (operations.some((operation) => namedIn([word], operation))) continue;
    const names = [
      ...Object.keys(groups),
      ...operations.map(({ module }) => module),
      ...operations.map(({ id }) => id),
    ];
    const near = nearest(word, names);
    const known = [...new Set(names.filter((name) => !name.includes(".")))].toSorted().join(", ");
    throw new OperoneError(
      "invalid_input",
      `There is no group of tools and no tool "${word}"; ${near === undefined ? `groups are ${known}, and a tool is named as fs.read` : `did you mean "${near}"?`}`,
    );
  }
}

/** @throws OperoneError `invalid_input` for a parameter that there is not */
export function profileFromQuery(query: URLSearchParams): McpProfile {
  const words = (name: string) =>
    query.getAll(name).flatMap((text) =>
      text
        .split(",")
        .map((word) => word.trim())
        .filter((word) => word !== ""),
    );
  for (const name of query.keys()) {
    if (["tools", "deny", "read-only"].includes(name)) continue;
    throw new OperoneError(
      "invalid_input",
      `"${name}" is no parameter here; tools, deny and read-only are: /mcp?tools=files,shell&read-only=true`,
    );
  }
  const readOnly = query.get("read-only");
  if (readOnly !== null && readOnly !== "true" && readOnly !== "false") {
    throw new OperoneError("invalid_input", `read-only=${readOnly} is neither true nor false`);
  }
  return { tools: words("tools"), deny: words("deny"), readOnly: readOnly === "true" };
}
