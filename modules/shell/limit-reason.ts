/** Which limit of the sandbox ended a command, where that can be known. */
import type { ChildExit } from "../../src/kernel/ports.ts";

export const limitReasons = ["memory_limit", "disk_limit", "cpu_limit", "file_size_limit"] as const;
export type LimitReason = (typeof limitReasons)[number];

/**
 * From the command's own end: of a process that it started and outlived it tells nothing. Where each process has its
 * own memory limit a program is refused more, and what it does then is its own affair.
 */
export function limitReason({ signal }: ChildExit, outOfMemory: boolean): LimitReason | undefined {
  // By SIGSTKFLT and SIGPWR the launcher says what it has seen (launcher/watch.h).
  if (outOfMemory || signal === "SIGSTKFLT") return "memory_limit";
  if (signal === "SIGPWR") return "disk_limit";
  if (signal === "SIGXCPU") return "cpu_limit";
  return signal === "SIGXFSZ" ? "file_size_limit" : undefined;
}

/** How the command itself ended: what the launcher watches ends with all its processes at once, by SIGKILL. */
export function ownExit(exit: ChildExit, limit: LimitReason | undefined): ChildExit {
  return limit === "memory_limit" || limit === "disk_limit" ? { code: null, signal: "SIGKILL" } : exit;
}

/** For people. */
export const limitTexts: Readonly<Record<LimitReason, string>> = {
  memory_limit: "its memory went beyond its limit",
  disk_limit: "the disk that it writes lost more room than it may take",
  cpu_limit: "its CPU time was over",
  file_size_limit: "it wrote a file beyond its limit",
};
