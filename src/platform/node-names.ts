/** The node's name: of the configuration, else as it was renamed, else after the machine. */
import { OperoneError } from "../kernel/error.ts";
import { nameFrom } from "../kernel/node-name.ts";
import type { Files, NodeNames } from "../kernel/ports.ts";

export interface NodeNamesInput {
  readonly files: Files;
  /** Holds the name after a renaming, one line. */
  readonly path: string;
  /** Empty: none is given. */
  readonly configured: string;
  readonly hostName: string;
}

const fileBytesMax = 1_024;

export async function nodeNames({ files, path, configured, hostName }: NodeNamesInput): Promise<NodeNames> {
  const bytes = configured === "" ? await files.read(path, fileBytesMax) : undefined;
  const kept = bytes === undefined ? "" : new TextDecoder().decode(bytes).trim();
  let name = configured || nameFrom(kept || hostName);
  let peerId: string | undefined;
  const all = new Set([name]);
  const refresh = () => {
    all.clear();
    all.add(name);
    if (peerId !== undefined) all.add(peerId);
  };
  return {
    name: () => name,
    all,
    async rename(wanted) {
      if (configured !== "") {
        throw new OperoneError(
          "conflict",
          `The configuration calls this node "${configured}"; change "name" under [node] there, or take it out, and start the node again`,
        );
      }
      await files.writePrivate(path, `${wanted}\n`);
      name = wanted;
      refresh();
    },
    setPeerId(id) {
      peerId = id;
      refresh();
    },
  };
}
