/**
 * Keeps a module's background work running. A task ends in one of three ways (after syncthing's svcutil):
 * finished (it returned), failed (it threw), cancelled (it ended because our own signal says so, and only then).
 * A failed task is restarted with exponential back-off; too many failures in a row and it is given up.
 */
import type { Clock, Log, Random } from "./ports.ts";

export type TaskEnd = "finished" | "cancelled" | "gave_up";

export interface SupervisorLimits {
  readonly backOffMsMin: number;
  readonly backOffMsMax: number;
  /** Failures in a row before giving up. A run longer than `healthyMs` starts the count again. */
  readonly failuresMax: number;
  readonly healthyMs: number;
}

export const supervisorLimits: SupervisorLimits = {
  backOffMsMin: 100,
  backOffMsMax: 30_000,
  failuresMax: 8,
  healthyMs: 60_000,
};

export interface TaskEvents {
  /** After each failure; `givenUp` is true for the last. */
  failed(error: unknown, givenUp: boolean): void;
  /** When a restarted run has lasted `healthyMs` or has finished. */
  recovered(): void;
}

export interface SupervisorPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Runs `run` until it finishes, is cancelled, or is given up. Never rejects. */
export async function supervise(
  name: string,
  run: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
  ports: SupervisorPorts,
  events: TaskEvents,
  limits: SupervisorLimits = supervisorLimits,
): Promise<TaskEnd> {
  for (let failures = 0; ; ) {
    if (signal.aborted) return "cancelled";
    const startedMs = ports.clock.monotonicMs();
    const stopHealthTimer = ports.clock.after(limits.healthyMs, () => {
      failures = 0;
      events.recovered();
    });
    try {
      await run(signal);
      if (signal.aborted) return "cancelled";
      events.recovered();
      return "finished";
    } catch (error) {
      if (signal.aborted) return "cancelled";
      failures = ports.clock.monotonicMs() - startedMs >= limits.healthyMs ? 1 : failures + 1;
      const givenUp = failures >= limits.failuresMax;
      ports.log.warn(givenUp ? "Background task given up" : "Background task failed", {
        task: name,
        failures,
        error: String(error),
      });
      events.failed(error, givenUp);
      if (givenUp) return "gave_up";
    } finally {
      stopHealthTimer();
    }
    await pause(backOffMs(failures, limits, ports.random), signal, ports.clock);
  }
}

/** Doubles from the least to the most, with the upper half random, so that failing tasks do not march in step. */
export function backOffMs(failures: number, limits: SupervisorLimits, random: Random): number {
  const full = Math.min(limits.backOffMsMax, limits.backOffMsMin * 2 ** Math.min(failures - 1, 30));
  const share = (random.bytes(1)[0] ?? 0) / 256;
  return Math.round(full / 2 + (full / 2) * share);
}

function pause(delayMs: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
