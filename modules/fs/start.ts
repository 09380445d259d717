/** Starts fs: the machine's own files, with the node's own left out. */
import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { InferOutput } from "valibot";
import type { Scope, Started } from "../../src/kernel/module.ts";
import type { Clock, Host, Random } from "../../src/kernel/ports.ts";
import { LocalBackend } from "./local/local-backend.ts";
import type { config } from "./module.ts";
import { FsState } from "./state.ts";
import { Trash } from "./trash.ts";
import { FileTree } from "./tree.ts";

export interface FsInput {
  readonly config: InferOutput<typeof config>;
  readonly use: { readonly clock: Clock; readonly host: Host; readonly random: Random };
  readonly scope: Scope;
}

export function startFs({ config, use }: FsInput): Started<Record<never, never>, FsState> {
  const { clock, host, random } = use;
  // Its keys and its owner's token are nobody's files, whatever a grant says.
  const own = realOf(host.dataDirectory);
  const machine = new LocalBackend({
    root: "",
    refused: [own],
    writable: true,
    random: (count) => random.bytes(count),
  });
  const trash = new Trash({
    clock,
    random,
    directory: join(host.dataDirectory, "fs", "trash"),
    keepMs: config.trashKeepMs,
  });
  return { state: new FsState(new FileTree(machine), trash), services: {} };
}

/** Once, and before the doors open: what is refused must not depend on when it is asked. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
