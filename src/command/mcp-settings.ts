/** Changes one entry in the text of a client's settings, and proves that nothing else has changed. */
import { isDeepStrictEqual } from "node:util";
import { OperoneError } from "../kernel/error.ts";
import { parseJsonText, withJsonEntry } from "../platform/jsonc.ts";
import { parseToml } from "../platform/toml.ts";
import { withTomlTable } from "../platform/toml-table.ts";
import type { McpClient } from "./mcp-clients.ts";

/** What our entry is called in every client. */
export const entryName = "operone";

type Values = Readonly<Record<string, unknown>>;
type Kept = Pick<McpClient, "format" | "servers" | "title">;

/** Our entry as it stands. @throws OperoneError `invalid_input` for a text that the client could not read either */
export function entryIn(client: Kept, text: string, path: string): unknown {
  return plain(serversIn(client, text, path)[entryName]);
}

/**
 * The text with our entry, or without one; all the rest byte for byte.
 *
 * @throws OperoneError `invalid_input` for a broken text, `conflict` when the entry cannot be told from the rest
 */
export function withEntry(client: Kept, text: string, path: string, entry: Values | undefined): string {
  const before = valuesOf(client, text, path);
  serversIn(client, text, path);
  const changed =
    client.format === "toml"
      ? withTomlTable(text, [client.servers, entryName], entry)
      : withJsonEntry(text, [client.servers, entryName], entry);
  if (isOnlyChange(client, before, readAgain(client, changed, path), entry)) return changed;
  throw new OperoneError(
    "conflict",
    `${path} says ${client.servers}.${entryName} in a way that cannot be changed without touching the rest; change it by hand. "operone mcp connect --print" shows the entry`,
  );
}

function isOnlyChange(
  client: Kept,
  before: Values,
  after: Values | undefined,
  entry: Values | undefined,
): boolean {
  if (after === undefined) return false;
  const now = objectAt(after, client.servers)?.[entryName];
  return isDeepStrictEqual(plain(now), entry) && isDeepStrictEqual(rest(client, before), rest(client, after));
}

/** All but our entry; a list of servers that is empty without it counts as none. */
function rest({ servers }: Kept, values: Values): Values {
  const { [servers]: _ours, ...others } = values;
  const { [entryName]: _entry, ...list } = objectAt(values, servers) ?? {};
  return plain(Object.keys(list).length === 0 ? others : { ...others, [servers]: list });
}

/** The readers differ in prototypes, which do not matter. */
function plain<T>(value: T): T {
  return structuredClone(value);
}

function readAgain(client: Kept, text: string, path: string): Values | undefined {
  try {
    return valuesOf(client, text, path);
  } catch {
    return undefined;
  }
}

function serversIn(client: Kept, text: string, path: string): Values {
  const values = valuesOf(client, text, path);
  if (values[client.servers] === undefined) return {};
  const servers = objectAt(values, client.servers);
  if (servers !== undefined) return servers;
  throw new OperoneError(
    "invalid_input",
    `"${client.servers}" in ${path} is no ${client.format === "toml" ? "table" : "object"}; mend it first. Nothing was changed`,
  );
}

function valuesOf({ format }: Kept, text: string, path: string): Values {
  if (format === "toml") return parseToml(text.replace(/^\uFEFF/, ""), path).values;
  const value = parseJsonText(text, path, format);
  if (isObject(value)) return value;
  throw new OperoneError("invalid_input", `${path} holds no JSON object; mend it first. Nothing was changed`);
}

function objectAt(values: Values, key: string): Values | undefined {
  const value = values[key];
  return isObject(value) ? value : undefined;
}

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
