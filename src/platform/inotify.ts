/** What Linux tells of directories (inotify(7)). No interface of the runtime tells of lost events, or of a whole tree's. */
import { dlopen, ptr, read } from "bun:ffi";
import { closeSync } from "node:fs";
import { linuxLibraryName } from "./c-library.ts";

/** IN_NONBLOCK and IN_CLOEXEC, the same on x64 and arm64. */
const queueFlags = 0o4000 | 0o2000000;
const modify = 0x2;
const attributes = 0x4;
const closeWrite = 0x8;
/** Moved from and to, created, deleted. */
const names = 0x40 | 0x80 | 0x100 | 0x200;
const selfDeleted = 0x400;
const selfMoved = 0x800;
const unmounted = 0x2000;
const overflowed = 0x4000;
const ignored = 0x8000;
/** IN_ONLYDIR and IN_EXCL_UNLINK. */
const conditions = 0x01000000 | 0x04000000;
const mask = modify | attributes | closeWrite | names | selfDeleted | selfMoved | conditions;
const headBytes = 16;
/** ENOENT and ENOTDIR. */
const goneErrors: ReadonlySet<number> = new Set([2, 20]);

export interface DirectoryEvent {
  /** Of the directory, as `add` gave it; -1 for `lost`. */
  readonly id: number;
  /**
   * `entry`: something is with the name. `written`: so are the bytes of that file. `moved`: the
   * directory itself has another path. `over`: the directory is not watched
   * any more. `lost`: the system had more to tell than its queue holds.
   */
  readonly kind: "entry" | "written" | "moved" | "over" | "lost";
  /** The bytes of the name in the directory; empty for the directory itself. */
  readonly name: Uint8Array;
}

export interface DirectoryQueue {
  /** What was watched already has the id that it had. Undefined: the system does not watch it, for want of room as a rule. */
  add(path: string): number | "gone" | undefined;
  remove(id: number): void;
  /** In order, until `close`. To be called once. */
  events(): AsyncGenerator<readonly DirectoryEvent[], void>;
  close(): void;
}

let known: ReturnType<typeof library> | undefined;

/** Undefined where the system has none of these left for this user. @throws where the C library cannot be called */
export function openDirectoryQueue(): DirectoryQueue | undefined {
  known ??= library();
  const calls = known;
  const fd = calls.open();
  if (fd < 0) return undefined;
  const reader = Bun.file(fd).stream().getReader();
  let isOpen = true;
  return {
    add(path) {
      const id = calls.add(fd, path);
      if (id >= 0) return id;
      return goneErrors.has(calls.error()) ? "gone" : undefined;
    },
    remove: (id) => calls.remove(fd, id),
    async *events() {
      while (isOpen) {
        const { value, done } = await reader.read();
        if (done) return;
        yield [...eventsIn(value)];
      }
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      // The reader leaves the descriptor open.
      void reader.cancel().finally(() => closeSync(fd));
    },
  };
}

function library() {
  const { symbols } = dlopen(linuxLibraryName(), {
    inotify_init1: { args: ["i32"], returns: "i32" },
    inotify_add_watch: { args: ["i32", "ptr", "u32"], returns: "i32" },
    inotify_rm_watch: { args: ["i32", "i32"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  return {
    open: () => symbols.inotify_init1(queueFlags),
    add: (fd: number, path: string) => symbols.inotify_add_watch(fd, ptr(Buffer.from(`${path}\0`)), mask),
    /** Of the call before. */
    error: () => {
      const place = symbols.__errno_location();
      return place === null ? 0 : read.i32(place);
    },
    remove: (fd: number, id: number) => void symbols.inotify_rm_watch(fd, id),
  };
}

/** `struct inotify_event`: id, mask, cookie, length of the name with the zeros behind it. */
function* eventsIn(bytes: Uint8Array): Generator<DirectoryEvent> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const [id, what, length] = [
      view.getInt32(at, true),
      view.getUint32(at + 4, true),
      view.getUint32(at + 12, true),
    ];
    const padded = bytes.subarray(at + headBytes, at + headBytes + length);
    const end = padded.indexOf(0);
    yield { id, kind: kindOf(what), name: end < 0 ? padded : padded.subarray(0, end) };
    at += headBytes + length;
  }
}

function kindOf(what: number): DirectoryEvent["kind"] {
  if ((what & overflowed) !== 0) return "lost";
  if ((what & (ignored | selfDeleted | unmounted)) !== 0) return "over";
  if ((what & selfMoved) !== 0) return "moved";
  return (what & (modify | closeWrite)) !== 0 ? "written" : "entry";
}
