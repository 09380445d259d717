/**
 * MCP as a door to the operations: an agent's tools are the operations that are on this surface, and every call goes
 * through the one dispatcher. It opens nothing and lets nobody in; who calls it has done both. What the protocol asks
 * for is answered by the official SDK, whose low-level server validates messages and leaves inputs to the dispatcher.
 */
import { type Implementation, Server } from "@modelcontextprotocol/server";
import { installTools } from "./mcp-calls.ts";
import { installCompletions } from "./mcp-completions.ts";
import { installPrompts } from "./mcp-prompts.ts";
import { installResources } from "./mcp-resources.ts";
import type { McpSession } from "./mcp-session.ts";
import { stateCodec } from "./mcp-state.ts";
import { installSubscriptions } from "./mcp-subscriptions.ts";
import { installTasks } from "./mcp-tasks.ts";

/** A part of the protocol: what it registers on a server before that is connected. */
export type McpPart = (server: Server, session: McpSession) => void;

/** Every part of the protocol that a node serves. */
const parts: readonly McpPart[] = [
  installTools,
  installResources,
  installSubscriptions,
  installPrompts,
  installCompletions,
  installTasks,
];

/** A server for one connection, or for one request of a protocol without connections. */
export function mcpServer(session: McpSession, more: readonly McpPart[] = []): Server {
  const server = new Server(implementation(session.version), {
    instructions: instructionsOf(session),
    capabilities: { logging: {} },
    cacheHints,
    requestState: { verify: (state, context) => stateCodec(session).verify(state, context) },
  });
  for (const install of [...parts, ...more]) install(server, session);
  return server;
}

function implementation(version: string): Implementation {
  return { name: "operone", title: "Operone", version, description: "All of your machines, as one" };
}

/** Lists depend on who asks, and change when rights do. */
const cacheHints = {
  "tools/list": { ttlMs: 60_000, cacheScope: "private" },
  "server/discover": { ttlMs: 60_000, cacheScope: "private" },
} as const;

/** Read by the agent's model at the beginning of each conversation, so every word counts. */
function instructionsOf({ agent, node }: McpSession): string {
  const here = node === undefined ? "the machine that runs this server" : `the node ${node}`;
  return [
    `Tools act on ${here}; with node they act on another machine of the mesh (networking_nodes lists them), or on many ("all").`,
    "Paths are absolute or begin with ~/. search_tools, get_tool_details and call_tool reach every other tool.",
    `You are the agent ${JSON.stringify(agent)}; what you may not do, the owner can grant. dryRun shows what would change.`,
  ].join(" ");
}
