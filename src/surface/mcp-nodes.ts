/** The nodes that an agent can name. */
import type { McpSession } from "./mcp-session.ts";
import { hereName } from "./mcp-uri.ts";

/** This one first, then those that are connected, by name. Of an agent that may not see the mesh: this one. */
export function knownNodes(
  { view }: Pick<McpSession, "view">,
  reaches: (operation: string) => boolean,
): readonly string[] {
  if (!reaches("networking.nodes")) return [hereName];
  return [hereName, ...new Set(view.nodes().toSorted())];
}
