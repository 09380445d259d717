/**
 * Opens what has a name in a directory that is held: openat(2), which no interface of the runtime has. The way by
 * `/proc/self/fd` leads to the same, and takes half as long again. Linux alone.
 */
import { dlopen, ptr } from "bun:ffi";
import { linuxLibraryName } from "./c-library.ts";

/** O_CLOEXEC of open(2), the same on x64 and arm64: no child gets it. */
const closeOnExec = 0o2000000;
/** NAME_MAX of Linux is 255, and names of some file systems are longer. */
const nameBytesMax = 4_096;

export type OpenAt = (directory: number, name: Uint8Array | string, flags: number) => number | undefined;

/**
 * A function that gives a descriptor, or undefined for whatever could not be opened: by the other way the system says why.
 * Undefined where the system's C library cannot be called.
 */
export function openAt(): OpenAt | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return library(linuxLibraryName());
  } catch {
    // A hardened system may forbid the memory that foreign calls need.
    return undefined;
  }
}

function library(file: string): OpenAt {
  const { symbols } = dlopen(file, { openat: { args: ["i32", "ptr", "i32"], returns: "i32" } });
  const name = new Uint8Array(nameBytesMax);
  const address = ptr(name);
  const encoder = new TextEncoder();
  return (directory, text, flags) => {
    const length = written(name.subarray(0, nameBytesMax - 1), text, encoder);
    if (length === undefined) return undefined;
    name[length] = 0;
    const descriptor = symbols.openat(directory, address, flags | closeOnExec);
    return descriptor < 0 ? undefined : descriptor;
  };
}

/** Undefined for a name with no room. */
function written(room: Uint8Array, text: Uint8Array | string, encoder: TextEncoder): number | undefined {
  if (typeof text !== "string") {
    if (text.length > room.length) return undefined;
    room.set(text);
    return text.length;
  }
  // A character has at most three bytes for each UTF-16 unit.
  return text.length * 3 > room.length ? undefined : encoder.encodeInto(text, room).written;
}
