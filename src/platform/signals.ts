/** How the outside asks a process to end. */
import { constants } from "node:os";

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Calls `stop` at the first signal. A second one ends the process at once, with the exit code that the shell
 * knows for it.
 */
export function onStopSignals(stop: (signal: string) => void): void {
  let asked = false;
  for (const signal of stopSignals) {
    process.on(signal, () => {
      if (asked) process.exit(128 + constants.signals[signal]);
      asked = true;
      stop(signal);
    });
  }
}

/** What nobody caught is reported and never ends the process: other calls are running in it. */
export function onUncaught(report: (what: string, error: unknown) => void): void {
  process.on("uncaughtException", (error) => report("uncaught exception", error));
  process.on("unhandledRejection", (reason) => report("unhandled rejection", reason));
}

/** Aborts at the first Ctrl-C, so that a call can be cancelled in order; a second one ends the process. */
export function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(128 + constants.signals[signal]);
      controller.abort();
    });
  }
  return controller.signal;
}

/** After the node has stopped, what somebody forgot to close gets this long. */
const endMs = 1_000;

/** Ends a process that has nothing left to do, although something still keeps it; its exit code stays. */
export function endSoon(): void {
  setTimeout(() => process.exit(), endMs).unref();
}
