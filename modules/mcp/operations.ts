/** Every operation of mcp. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { moment, table } from "../../src/kernel/plain-text.ts";
import type { McpState } from "./state.ts";

const op = operationsOf<McpState>("mcp");

const connections = op({
  name: "connections",
  summary: "List the agents that are connected now",
  description:
    "By operone mcp (stdio), and by sessions over HTTP; a client of a newer protocol has none, and each of its requests stands for itself.",
  effect: "read",
  needs: ["node.observe"],
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({}),
  output: v.strictObject({
    connections: v.array(
      v.strictObject({
        agent: v.string(),
        by: v.picklist(["stdio", "http"]),
        sinceMs: v.pipe(v.number(), v.description("Unix time in milliseconds.")),
      }),
    ),
  }),
  cli: {
    alias: ["connections"],
    render: ({ connections: all }) =>
      table([["AGENT", "BY", "SINCE"], ...all.map(({ agent, by, sinceMs }) => [agent, by, moment(sinceMs)])]),
  },
  examples: [{ input: {} }],
  run: (state) => ({ connections: [...state.connections()] }),
});

export const operations: readonly Operation<McpState>[] = [connections];
