/** Every operation of networking. */
import type { Operation } from "../../src/kernel/operation.ts";
import { enrolmentOperations } from "./operations-enrolment.ts";
import { memberOperations } from "./operations-members.ts";
import { nodeOperations } from "./operations-nodes.ts";
import type { NetworkingState } from "./state.ts";

export const operations: readonly Operation<NetworkingState>[] = [
  ...enrolmentOperations,
  ...memberOperations,
  ...nodeOperations,
];
