/** The Model Context Protocol: agents call the operations that are on its surface, as callers of their own. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { Clock, Host, Log, NodeNames, Random } from "../../src/kernel/ports.ts";
import { KernelView } from "../../src/kernel/view.ts";
import { Agents } from "../access/contract.ts";
import { Routes } from "../http/contract.ts";
import { operations } from "./operations.ts";

/** @param most in the unit of the key's name */
function count(usual: number, least: number, most: number, what: string) {
  const schema = v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most), v.description(what));
  return v.optional(schema, usual);
}

const words = (what: string) =>
  v.optional(v.pipe(v.array(v.pipe(v.string(), v.nonEmpty())), v.description(what)), []);

export const config = v.strictObject({
  tools: words(
    'The only tools that agents have, as groups or names: files, shell, nodes, fs.read. None named: all. A connection can narrow it ("operone mcp --tools"), and not widen it',
  ),
  deny: words("Tools that no agent has, as groups or names"),
  readOnly: v.optional(
    v.pipe(v.boolean(), v.description("Whether agents have only the tools that change nothing")),
    false,
  ),
  sessionsMax: count(256, 1, 10_000, "Sessions over HTTP at once, of clients whose protocol has them"),
  sessionsPerAgentMax: count(
    32,
    1,
    10_000,
    "Those of one agent; beyond it the one goes that was used least lately",
  ),
  sessionIdleMs: count(1_800_000, 1_000, 86_400_000, "A session that is not used for so long is forgotten"),
  connectionsMax: count(256, 1, 10_000, 'Programs that are connected by "operone mcp" at once'),
  connectionsPerAgentMax: count(128, 1, 10_000, "Those of one agent"),
});

export const mcp = defineModule({
  id: "mcp",
  summary: "The Model Context Protocol for agents, by HTTP at /mcp and by operone mcp",
  config,
  permissions: {},
  requires: {
    kernel: KernelView,
    agents: Agents,
    routes: Routes,
    clock: Clock,
    host: Host,
    log: Log,
    names: NodeNames,
    random: Random,
  },
  provides: {},
  operations,
  start: async (input) => (await import("./start.ts")).startMcp(input),
});
