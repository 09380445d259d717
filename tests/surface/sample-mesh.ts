/** A mesh client and server over channels in memory. */
import type { GrantSet } from "../../src/kernel/authority.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import type { OperationClient } from "../../src/surface/client.ts";
import { type MeshChannel, memoryChannels } from "../../src/surface/mesh-channel.ts";
import { meshClient } from "../../src/surface/mesh-client.ts";
import { meshServer } from "../../src/surface/mesh-server.ts";
import { caller, owner } from "./sample-node.ts";

export interface SampleMesh {
  readonly client: OperationClient;
  /** The caller's ends, in the order in which they were opened. */
  readonly channels: readonly MeshChannel[];
  /** Resolves when the server is done with every channel. */
  served(): Promise<unknown>;
}

export interface SampleMeshOptions {
  readonly sets?: readonly GrantSet[];
  readonly monotonicMs?: () => number;
  /** Stands between the client and its end of a channel. */
  wrap?(channel: MeshChannel): MeshChannel;
}

export function sampleMesh(
  view: Pick<KernelView, "call" | "table">,
  options: SampleMeshOptions = {},
): SampleMesh {
  const { sets = owner, monotonicMs = () => performance.now(), wrap = (channel) => channel } = options;
  const server = meshServer({ view, identityOf: () => ({ caller, sets }), monotonicMs });
  const channels: MeshChannel[] = [];
  const serving: Promise<void>[] = [];
  const openChannel = async () => {
    const [near, far] = memoryChannels();
    serving.push(server.serve(far));
    channels.push(near);
    return wrap(near);
  };
  return {
    client: meshClient({ openChannel, table: view.table }),
    channels,
    served: () => Promise.all(serving),
  };
}
