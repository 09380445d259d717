/** Starts fs: the machine's own files, with the node's own left out. */
import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { InferOutput } from "valibot";
import type { Authority } from "../../src/kernel/authority.ts";
import type { Scope, Started } from "../../src/kernel/module.ts";
import type { Clock, Host, Random } from "../../src/kernel/ports.ts";
import type { Secrets } from "../access/contract.ts";
import type { ContainedChildren } from "../shell/contract.ts";
import type { ContentCache } from "./cache/content-cache.ts";
import { LocalBackend, type LocalOptions } from "./local/local-backend.ts";
import { OwnFiles } from "./local/own-files.ts";
import type { config } from "./module.ts";
import { mountKinds } from "./mounts/kinds.ts";
import { Mounts } from "./mounts.ts";
import { Crew } from "./search/crew.ts";
import { FsState } from "./state.ts";
import type { MountStore } from "./store.ts";
import { Trash } from "./trash.ts";
import { FileTree } from "./tree.ts";
import { Watches } from "./watch/watching.ts";

export interface FsInput {
  readonly config: InferOutput<typeof config>;
  readonly use: {
    readonly children: ContainedChildren;
    readonly clock: Clock;
    readonly host: Host;
    readonly random: Random;
    readonly secrets: Secrets;
  };
  readonly scope: Scope;
}

const pruneEveryMs = 3_600_000;

export function startFs({ config, use, scope }: FsInput): Started<Record<never, never>, FsState> {
  const { children, clock, host, random } = use;
  // Its keys and its owner's token are nobody's files, whatever a grant says.
  const own = realOf(host.dataDirectory);
  const trashDirectory = join(own, "fs", "trash");
  const options = {
    refused: [own],
    own: new OwnFiles(own, [trashDirectory]),
    tag: tagOf(host.hostName, own),
    writable: true,
    random: (count: number) => random.bytes(count),
  };
  const machine = new LocalBackend({ ...options, root: "" });
  const trash = new Trash({
    clock,
    random,
    directory: trashDirectory,
    keepMs: config.trashKeepMs,
  });
  pruneRegularly(trash, clock, scope);
  const mounts = mountsOf({ config, use, scope }, machine, options);
  const crew = new Crew(clock);
  scope.defer(async () => crew.close());
  const tree = new FileTree(machine, mounts);
  const state = new FsState({ tree, trash, mounts, watches: new Watches(clock), crew, clock, children });
  return { state, services: {} };
}

function mountsOf(
  { config, use, scope }: FsInput,
  machine: LocalBackend,
  options: Omit<LocalOptions, "root">,
): Mounts {
  const { clock, host, random, secrets } = use;
  let opened: Promise<MountStore> | undefined;
  const open = async () => {
    const { MountStore } = await import("./store.ts");
    return new MountStore(join(host.dataDirectory, "fs", "fs.db"));
  };
  const mounts = new Mounts({
    clock,
    kinds: mountKinds,
    store() {
      // What could not be opened now can be later.
      opened ??= open().catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      return opened;
    },
    cache: cacheOf(config.cacheBytesMax, use, scope),
    context: ({ name, readOnly }, signal) => ({
      ...{ name, readOnly, machine, signal, clock },
      folder: (root) => new LocalBackend({ ...options, root }),
      nowMs: () => clock.nowMs(),
      random: (count) => random.bytes(count),
      secret: (secret) => secrets.reveal(secret, ownerAuthority),
    }),
  });
  scope.defer(async () => {
    await mounts.close();
    (await opened?.catch(() => undefined))?.close();
  });
  return mounts;
}

/** Opened when something far is read. A directory that cannot be used is no reason not to read. */
function cacheOf(
  bytesMax: number,
  { host, random }: FsInput["use"],
  scope: Scope,
): () => Promise<ContentCache | undefined> {
  if (bytesMax === 0) return async () => undefined;
  let opened: Promise<ContentCache | undefined> | undefined;
  const open = async () => {
    const { ContentCache } = await import("./cache/content-cache.ts");
    const directory = join(host.dataDirectory, "fs", "cache");
    return new ContentCache({ directory, bytesMax, random: (count) => random.bytes(count) });
  };
  scope.defer(async () => (await opened)?.[Symbol.dispose]());
  return () => {
    opened ??= open().catch(() => undefined);
    return opened;
  };
}

/** Mounts are the owner's, who alone makes them, and so are the secrets that they name. */
const ownerAuthority: Authority = {
  sets: [{ holder: "owner", owner: true, grants: [] }],
  check: () => {},
  decide: () => "allow",
};

function pruneRegularly(trash: Trash, clock: Clock, scope: Scope): void {
  let stop = () => {};
  const next = () => {
    stop = clock.after(pruneEveryMs, () => {
      // What cannot be forgotten now can be an hour later.
      void trash
        .prune()
        .catch(() => {})
        .finally(() => scope.signal.aborted || next());
    });
  };
  next();
  scope.defer(() => stop());
}

/** Two nodes that write to one directory, as on a network disk, have two. */
function tagOf(hostName: string, directory: string): string {
  return new Bun.CryptoHasher("sha256")
    .update(JSON.stringify([hostName, directory]))
    .digest("hex")
    .slice(0, 8);
}

/** Once, and before the doors open: what is refused must not depend on when it is asked. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
