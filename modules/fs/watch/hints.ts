/**
 * Where a watcher hears that something may have changed. A hint is no more than that: what is so is looked at on the
 * disk, so hints may come twice, late, and for nothing; where one may be missing, `everything` says so.
 */
import { watch } from "node:fs";
import { type DirectoryQueue, openDirectoryQueue } from "../../../src/platform/inotify.ts";
import { textOfName } from "../name-text.ts";
import type { Node } from "./model.ts";

export interface HintSink {
  /** @param written the bytes of the file may be others, though its times and size are the same */
  entry(directory: Node, name: string, written: boolean): void;
  /** All that is in it. */
  directory(directory: Node): void;
  everything(reason: string): void;
  /** From now on hints are missing, and nobody will say which: the tree has to be compared time and again. */
  blind(reason: string): void;
}

export interface Hints {
  /**
   * Hints come of what happens in it from now on: so before it is read. May be called again.
   *
   * @param held what leads to the directory
   */
  cover(directory: Node, held: string): void;
  release(directory: Node): void;
  close(): void;
}

export type OpenHints = (root: Node, host: string, sink: HintSink) => Hints;

export const systemHints: OpenHints = (root, host, sink) =>
  process.platform === "linux" ? queueHints(root, sink) : portableHints(root, host, sink);

export function queueHints(
  root: Node,
  sink: HintSink,
  open: () => DirectoryQueue | undefined = openDirectoryQueue,
): Hints {
  const queue = open();
  if (queue === undefined) {
    sink.blind(exhausted("watchers", "fs.inotify.max_user_instances"));
    return { cover() {}, release() {}, close() {} };
  }
  const [nodes, ids] = [new Map<number, Node>(), new Map<Node, number>()];
  void listen(queue, nodes, root, sink).catch(() => sink.everything("the system's queue could not be read"));
  return {
    cover(directory, held) {
      const id = queue.add(held);
      // That it is gone is heard where it was.
      if (id === "gone") return;
      if (id === undefined) return sink.blind(exhausted("directories", "fs.inotify.max_user_watches"));
      nodes.set(id, directory);
      ids.set(directory, id);
    },
    release(directory) {
      const id = ids.get(directory);
      ids.delete(directory);
      // Another node may stand for the same directory by now.
      if (id === undefined || nodes.get(id) !== directory) return;
      nodes.delete(id);
      queue.remove(id);
    },
    close: () => queue.close(),
  };
}

async function listen(
  queue: DirectoryQueue,
  nodes: Map<number, Node>,
  root: Node,
  sink: HintSink,
): Promise<void> {
  for await (const events of queue.events()) {
    for (const { id, kind, name } of events) {
      if (kind === "lost") sink.everything("the system had more to tell than its queue holds");
      const directory = nodes.get(id);
      if (directory === undefined) continue;
      // Of any other, the directories that it came from and went to tell.
      if (kind === "over" || (kind === "moved" && directory === root)) sink.directory(directory);
      else if (name.length > 0) sink.entry(directory, textOfName(name), kind === "written");
    }
  }
}

function exhausted(what: string, setting: string): string {
  return `the system watches no more ${what} for the node's user: end another watch, name a smaller folder, or raise it (sysctl ${setting})`;
}

/** For systems that watch a tree themselves: macOS and Windows. */
export function portableHints(root: Node, host: string, sink: HintSink): Hints {
  const watcher = watch(host, { recursive: true, encoding: "utf8" }, (_, name) => {
    if (name === null) return sink.everything("the system did not say what changed");
    const names = name.split(/[\\/]/);
    let at = root;
    for (const part of names.slice(0, -1)) {
      const next = at.children?.get(part);
      // Not known yet: then it is new itself, and all in it is looked at.
      if (next?.children === undefined) return sink.entry(at, part, false);
      at = next;
    }
    sink.entry(at, names.at(-1) ?? "", true);
    const itself = at.children?.get(names.at(-1) ?? "");
    if (itself?.children !== undefined) sink.directory(itself);
  });
  watcher.on("error", () => sink.everything("the system stopped telling for a moment"));
  return { cover() {}, release() {}, close: () => watcher.close() };
}
