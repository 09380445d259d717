/**
 * Where a watcher hears that something may have changed. A hint is no more than that: what is so is looked at on the
 * disk, so hints may come twice, late, and for nothing; where one may be missing, `everything` says so.
 */
import { watch } from "node:fs";
import { OperoneError } from "../../../src/kernel/error.ts";
import { type DirectoryQueue, openDirectoryQueue } from "../../../src/platform/inotify.ts";
import { textOfName } from "../name-text.ts";
import type { Node } from "./model.ts";

export interface HintSink {
  /** @param written the bytes of the file may be others, though its times and size are the same */
  entry(directory: Node, name: string, written: boolean): void;
  /** All that is in it. */
  directory(directory: Node): void;
  everything(reason: string): void;
}

export interface Hints {
  /**
   * Hints come of what happens in it from now on: so before it is read. May be called again.
   *
   * @param held what leads to the directory @throws OperoneError `limited`
   */
  cover(directory: Node, held: string): void;
  release(directory: Node): void;
  close(): void;
}

export type OpenHints = (root: Node, host: string, sink: HintSink) => Hints;

export const systemHints: OpenHints = (root, host, sink) =>
  process.platform === "linux" ? queueHints(sink) : portableHints(root, host, sink);

function queueHints(sink: HintSink): Hints {
  const queue = openDirectoryQueue();
  if (queue === undefined) throw exhausted("fs.inotify.max_user_instances", "watchers");
  const [nodes, ids] = [new Map<number, Node>(), new Map<Node, number>()];
  void listen(queue, nodes, sink).catch(() => sink.everything("the system's queue could not be read"));
  return {
    cover(directory, held) {
      const id = queue.add(held);
      if (id === undefined) throw exhausted("fs.inotify.max_user_watches", "directories");
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

async function listen(queue: DirectoryQueue, nodes: Map<number, Node>, sink: HintSink): Promise<void> {
  for await (const events of queue.events()) {
    for (const { id, kind, name } of events) {
      if (kind === "lost") sink.everything("the system had more to tell than its queue holds");
      const directory = nodes.get(id);
      if (directory === undefined) continue;
      if (kind === "over") sink.directory(directory);
      else if (name.length > 0) sink.entry(directory, textOfName(name), kind === "written");
    }
  }
}

function exhausted(setting: string, what: string): OperoneError {
  return new OperoneError(
    "limited",
    `The system watches no more ${what} for the node's user; end another watch, name a smaller folder, or raise it: sysctl ${setting}`,
  );
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
