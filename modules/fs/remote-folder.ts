/** A folder of another node as a tree of its own. */
import type { Backend } from "./backend.ts";
import type { MountCaller } from "./mount-kind.ts";
import { RemoteBackend } from "./remote-backend.ts";

export function remoteFolder(
  caller: MountCaller,
  { node }: { readonly node: string; readonly path: string },
): Backend {
  return new RemoteBackend(caller, node);
}
