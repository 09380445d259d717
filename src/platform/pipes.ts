/**
 * Real pipes for children. Bun's own "pipe" is a pair of sockets, and opening `/dev/stdout` on a socket fails with
 * ENXIO, so that `sh -c 'echo x > /dev/stdout'` would not work.
 */
import { dlopen, ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { linuxLibraryName } from "./c-library.ts";

export interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** O_CLOEXEC of open(2), the same on x64 and arm64: no child gets the pipe of another. */
const closeOnExec = 0o2000000;
/** FIOCLEX of ioctl(2) on macOS, which has no pipe2. It takes no argument, so the variadic call is a plain one. */
const fioclex = 0x20006601;

/** F_SETPIPE_SZ of fcntl(2), Linux. */
const setPipeSize = 1031;
/** Four times the usual room: a child's output passes in fewer, larger reads, a third faster as measured. */
const largePipeBytes = 256 * 1024;

interface Library {
  pipe(ends: Int32Array): number;
  /** The system may refuse. */
  enlarge(fd: number): void;
}

let known: { readonly library: Library | undefined } | undefined;

/**
 * Undefined where the system's C library cannot be called: then Bun's own pipes have to do.
 *
 * @param large asks for more room. Not for every pipe: the system gives each user room for some hundred
 */
export function openPipe(large = false): Pipe | undefined {
  known ??= { library: systemLibrary() };
  const { library } = known;
  if (library === undefined) return undefined;
  const ends = new Int32Array(2);
  if (library.pipe(ends) !== 0) {
    // The C library's errno is out of reach; running out of descriptors is the only failure that pipe(2) documents.
    throw Object.assign(new Error("no descriptors are left for a pipe"), { code: "EMFILE" });
  }
  // Atomics, because the compiler takes a call into C for one that changes no memory, and may reuse an older load.
  const pipe = { read: Atomics.load(ends, 0), write: Atomics.load(ends, 1) };
  if (large) library.enlarge(pipe.write);
  return pipe;
}

/** Gives a pipe that somebody else made more room, where the system can; what is no pipe stays as it is. */
export function enlargePipe(fd: number): void {
  known ??= { library: systemLibrary() };
  known.library?.enlarge(fd);
}

function systemLibrary(): Library | undefined {
  try {
    if (process.platform === "linux") return linuxLibrary(linuxLibraryName());
    if (process.platform === "darwin") return darwinLibrary();
  } catch {
    // A hardened system may forbid the memory that foreign calls need.
  }
  return undefined;
}

function linuxLibrary(name: string): Library {
  const { symbols } = dlopen(name, {
    pipe2: { args: ["ptr", "i32"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  });
  return {
    pipe: (ends) => symbols.pipe2(ptr(ends), closeOnExec),
    enlarge: (fd) => void symbols.fcntl(fd, setPipeSize, largePipeBytes),
  };
}

function darwinLibrary(): Library {
  const { symbols } = dlopen("libSystem.B.dylib", {
    pipe: { args: ["ptr"], returns: "i32" },
    ioctl: { args: ["i32", "u64"], returns: "i32" },
  });
  return {
    pipe(ends) {
      const made = symbols.pipe(ptr(ends));
      if (made !== 0) return made;
      for (const index of [0, 1]) symbols.ioctl(Atomics.load(ends, index), fioclex);
      return 0;
    },
    // The system itself enlarges a pipe that is busy.
    enlarge() {},
  };
}

export function closePipe({ read, write }: Pipe): void {
  closeSync(read);
  closeSync(write);
}
