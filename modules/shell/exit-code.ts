/** A command's end as the exit code of the command line. */
import { limitTexts } from "./limit-reason.ts";

/** As in a shell: 128 and the signal's number. Linux's numbers, where systems differ. */
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGSYS: 31,
};

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly reason: string;
}

/** `timeout` of coreutils says 124; other ends by the node, and none at all, are no answer of the command: 125. */
export function exitCodeOf(ended: Ended | undefined): number {
  if (ended === undefined) return 125;
  if (ended.reason === "timeout") return 124;
  if (ended.reason !== "exited" && !Object.hasOwn(limitTexts, ended.reason)) return 125;
  return ended.code ?? 128 + (signalNumbers[ended.signal ?? ""] ?? 0);
}
