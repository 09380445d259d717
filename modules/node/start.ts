/** Starts the node's own module: its name, its log level, its checks. */
import type { InferOutput } from "valibot";
import type { Started } from "../../src/kernel/module.ts";
import { machineChecks } from "./checks.ts";
import type { config } from "./module.ts";
import type { NodeState } from "./state.ts";

export interface NodeInput {
  readonly config: InferOutput<typeof config>;
  readonly use: NodeState;
}

export function startNode({ config, use }: NodeInput): Started<Record<never, never>, NodeState> {
  use.book.setLevel(config.logLevel);
  for (const check of machineChecks(use)) use.checks.add(check);
  return { state: use, services: {} };
}
