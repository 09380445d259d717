/** A booted kernel with simulated ports, and the plainest client of all: the dispatcher itself. */
import type { Caller, GrantSet } from "../../src/kernel/authority.ts";
import { boot, type Kernel } from "../../src/kernel/kernel.ts";
import type { Module } from "../../src/kernel/module.ts";
import type { SurfaceName } from "../../src/kernel/operation.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { simulatedLog, simulatedRandom } from "../../src/kernel/simulated.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import type { OperationClient } from "../../src/surface/client.ts";
import { cancelled, exchangeOf } from "../../src/surface/exchange.ts";
import { sampleModule } from "./sample-module.ts";

/** Real time: the dispatcher waits for it, and a simulated clock would have to be pushed. */
const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

export function sampleKernel(modules: readonly Module[] = [sampleModule]): Promise<Kernel> {
  return boot({ modules, clock, random: simulatedRandom(1), log: simulatedLog() });
}

export const caller: Caller = { kind: "owner", id: "owner", name: "owner" };
export const owner: readonly GrantSet[] = [{ holder: "owner", owner: true, grants: [] }];
export const nobody: readonly GrantSet[] = [{ holder: "token none", owner: false, grants: [] }];

/** The dispatcher knows no deadline of the caller's, so it becomes a signal here as in every client. */
export function directClient(
  view: KernelView,
  surface: SurfaceName,
  sets: readonly GrantSet[] = owner,
  asCaller: Caller = caller,
): OperationClient {
  return {
    async call(operation, input, { deadlineMs, ...options } = {}) {
      const exchange = exchangeOf(view.table.get(operation), operation, {
        ...options,
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
      });
      const signal = exchange.signal ?? new AbortController().signal;
      try {
        return await view.call({ surface, operation, input, caller: asCaller, sets, ...options, signal });
      } catch (error) {
        throw signal.aborted ? cancelled(exchange) : error;
      }
    },
  };
}
