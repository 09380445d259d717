/** Every operation of the node module. */
import type { Operation } from "../../src/kernel/operation.ts";
import { careOperations } from "./operations-care.ts";
import { logOperations } from "./operations-log.ts";
import { statusOperations } from "./operations-status.ts";
import type { NodeState } from "./state.ts";

export const operations: readonly Operation<NodeState>[] = [
  ...statusOperations,
  ...logOperations,
  ...careOperations,
];
