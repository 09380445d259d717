/** URIs of resources: made from a template and its variables, and taken apart again (RFC 3986, RFC 6570). */
import type { Resource, Variables } from "../kernel/resource.ts";

/** The node that is asked. */
export const hereName = "here";
const scheme = "operone://";
const uriLengthMax = 8_192;

/** Where a URI leads. */
export interface Located {
  readonly resource: Resource;
  /** Undefined: here. */
  readonly node: string | undefined;
  readonly variables: Variables;
}

interface Part {
  readonly text?: string;
  readonly variable?: string;
  /** With slashes. */
  readonly rest?: boolean;
}

/** What clients are told: with `{node}` where it lies below nodes. */
export function templateOf({ uri }: Resource): string {
  return isBelowNodes(uri) ? `${scheme}{node}${uri}` : uri;
}

export function hasVariables({ uri }: Resource): boolean {
  return partsOf(uri).some(({ variable }) => variable !== undefined);
}

/** @param node a name; undefined: here */
export function uriOf(
  { uri }: Pick<Resource, "uri">,
  node: string | undefined,
  variables: Variables,
): string {
  const filled = partsOf(uri).map(({ text = "", variable, rest = false }) => {
    if (variable === undefined) return text;
    const value = variables[variable] ?? "";
    return rest ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
  });
  return `${isBelowNodes(uri) ? `${scheme}${node ?? hereName}` : ""}${filled.join("")}`;
}

/** Undefined: nothing has such a URI. */
export function located(resources: readonly Resource[], uri: string): Located | undefined {
  if (uri.length > uriLengthMax) return undefined;
  for (const resource of resources) {
    const found = locatedIn(resource, uri);
    if (found !== undefined) return found;
  }
  return undefined;
}

function locatedIn(resource: Resource, uri: string): Located | undefined {
  if (!isBelowNodes(resource.uri)) {
    const variables = variablesIn(resource.uri, uri);
    return variables === undefined ? undefined : { resource, node: undefined, variables };
  }
  if (!uri.startsWith(scheme)) return undefined;
  const slash = uri.indexOf("/", scheme.length);
  const host = decoded(uri.slice(scheme.length, slash < 0 ? undefined : slash));
  const variables = variablesIn(resource.uri, slash < 0 ? "/" : uri.slice(slash));
  if (host === undefined || host === "" || variables === undefined) return undefined;
  return { resource, node: host === hereName ? undefined : host, variables };
}

function variablesIn(template: string, text: string): Variables | undefined {
  const parts = partsOf(template);
  const pattern = parts
    .map(({ text: fixed = "", variable, rest = false }) =>
      variable === undefined ? fixed.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&") : rest ? "(.*)" : "([^/]*)",
    )
    .join("");
  const match = new RegExp(`^${pattern}$`, "s").exec(text);
  if (match === null) return undefined;
  const names = parts.flatMap(({ variable }) => variable ?? []);
  const values = names.map((_, at) => decoded(match[at + 1] ?? ""));
  if (values.includes(undefined)) return undefined;
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""]));
}

/** Undefined: it is not well formed. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function partsOf(template: string): readonly Part[] {
  return template
    .split(/(\{\+?[a-z]+\})/)
    .filter((text) => text !== "")
    .map((text) => {
      const match = /^\{(\+?)([a-z]+)\}$/.exec(text);
      return match === null ? { text } : { variable: match[2] ?? "", rest: match[1] === "+" };
    });
}

function isBelowNodes(uri: string): boolean {
  return uri.startsWith("/");
}
