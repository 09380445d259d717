/** The node itself: what it is, how it is, what it says, and its care. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { Backups, Checks, Clock, Files, Host, LogBook, NodeNames } from "../../src/kernel/ports.ts";
import { KernelView } from "../../src/kernel/view.ts";
import { Listeners } from "../http/contract.ts";
import { operations } from "./operations.ts";
import { prompts, resources } from "./resources.ts";
import { NodeName } from "./shapes.ts";

export const config = v.strictObject({
  name: v.optional(
    v.pipe(
      v.union([v.literal(""), NodeName]),
      v.description(
        'What this node is called; empty: as "operone rename" says, else after the machine\'s host name',
      ),
    ),
    "",
  ),
  logLevel: v.optional(
    v.pipe(v.picklist(["debug", "info", "warn", "error"]), v.description("The least level that is logged")),
    "info",
  ),
});

export const node = defineModule({
  id: "node",
  summary: "Status, log, metrics, checks and backup of this node",
  config,
  permissions: {
    "node.observe": { summary: "See the node's status, modules, metrics and checks" },
    "node.log": { summary: "Read the node's log" },
    "node.manage": { summary: "Change the log level and stop the node" },
  },
  requires: {
    kernel: KernelView,
    backups: Backups,
    checks: Checks,
    clock: Clock,
    files: Files,
    host: Host,
    book: LogBook,
    names: NodeNames,
    listeners: Listeners,
  },
  provides: {},
  operations,
  prompts,
  resources,
  start: async (input) => (await import("./start.ts")).startNode(input),
});
