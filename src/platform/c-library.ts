/** The C library of this process, for what no other interface offers. */
import { readFileSync } from "node:fs";

/** The one that this process has already loaded; a second one in the same process would be trouble. */
export function linuxLibraryName(): string {
  const musl = readFileSync("/proc/self/maps", "latin1").includes("/ld-musl-");
  if (!musl) return "libc.so.6";
  return `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
}
