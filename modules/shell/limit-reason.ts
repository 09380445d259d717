/** Which limit of the sandbox ended a command, where that can be known. */
import type { ChildExit } from "../../src/kernel/ports.ts";

export const limitReasons = ["memory_limit", "cpu_limit", "file_size_limit"] as const;
export type LimitReason = (typeof limitReasons)[number];

/**
 * From the command's own end: of a process that it started and outlived it tells nothing. Where each process has its
 * own memory limit a program is refused more, and what it does then is its own affair.
 */
export function limitReason({ signal }: ChildExit, outOfMemory: boolean): LimitReason | undefined {
  if (outOfMemory) return "memory_limit";
  if (signal === "SIGXCPU") return "cpu_limit";
  return signal === "SIGXFSZ" ? "file_size_limit" : undefined;
}

/** For people. */
export const limitTexts: Readonly<Record<LimitReason, string>> = {
  memory_limit: "its memory went beyond its limit",
  cpu_limit: "its CPU time was over",
  file_size_limit: "it wrote a file beyond its limit",
};
