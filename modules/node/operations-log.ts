/** The node's log: its newest lines, those to come, its level. */
import * as v from "valibot";
import { operationsOf } from "../../src/kernel/operation.ts";
import type { LogEntry } from "../../src/kernel/ports.ts";
import { renderLog } from "./render.ts";
import { LogLevelName, LogOut } from "./shapes.ts";
import type { NodeState } from "./state.ts";

const op = operationsOf<NodeState>("node");
const levels = ["debug", "info", "warn", "error"] as const;
/** As many as the log keeps in memory; the file behind it reaches further back. */
const tailMax = 1_000;

const log = op({
  name: "log",
  summary: "Show the newest lines of the node's log, and with follow those to come",
  effect: "read",
  needs: ["node.log"],
  surfaces: ["http", "cli", "mesh", "mcp"],
  gives: "items",
  input: v.strictObject({
    count: v.optional(
      v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(tailMax), v.description("Newest lines")),
      100,
    ),
    follow: v.optional(v.pipe(v.boolean(), v.description("Go on with new lines")), false),
    level: v.optional(v.pipe(LogLevelName, v.description("The least level")), "debug"),
  }),
  output: LogOut,
  cli: { alias: ["logs"], render: renderLog },
  examples: [{ input: { count: 1 } }],
  async *run({ book }, { count, follow, level }, { signal }) {
    const shown = ({ level: own }: LogEntry) => levels.indexOf(own) >= levels.indexOf(level);
    // Taken before the tail, so that no line falls between the two.
    const later = follow ? book.follow(signal) : undefined;
    const tail = book.tail(tailMax).filter(shown);
    for (const entry of tail.slice(Math.max(0, tail.length - count))) yield out(entry);
    if (later === undefined) return;
    for await (const entry of later) if (shown(entry)) yield out(entry);
  },
});

const logLevel = op({
  name: "log-level",
  summary: "Set the least level that is logged, until the node stops",
  effect: "write",
  needs: ["node.manage"],
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({ level: v.pipe(LogLevelName, v.description("The least level")) }),
  output: v.strictObject({ level: LogLevelName, before: LogLevelName }),
  cli: { positional: ["level"] },
  examples: [{ input: { level: "info" }, output: { level: "info" } }],
  run({ book }, { level }) {
    const before = book.level();
    book.setLevel(level);
    return { level, before };
  },
});

function out({ atMs, level, message, fields }: LogEntry): v.InferOutput<typeof LogOut> {
  return { atMs, level, message, fields: { ...fields } };
}

export const logOperations = [log, logLevel];
