/** What the operations of networking work on. */
import type { Clock, NodeNames } from "../../src/kernel/ports.ts";
import type { Networking } from "./networking.ts";
import type { PortProbe } from "./port-probe.ts";

export interface NetworkingParts {
  readonly networking: Networking;
  readonly names: NodeNames;
  readonly clock: Clock;
  readonly version: string;
  readonly probe: PortProbe;
}

/** Opened by whoever needs it first. A node that was never in a mesh opens nothing until then. */
export type NetworkingState = () => Promise<NetworkingParts>;
