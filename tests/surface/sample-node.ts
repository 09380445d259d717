/** A booted kernel with simulated ports, and the plainest client of all: the dispatcher itself. */
import type { GrantSet } from "../../src/kernel/authority.ts";
import { boot, type Kernel } from "../../src/kernel/kernel.ts";
import type { Module } from "../../src/kernel/module.ts";
import type { SurfaceName } from "../../src/kernel/operation.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { simulatedLog, simulatedRandom } from "../../src/kernel/simulated.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import type { OperationClient } from "../../src/surface/client.ts";
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

export const owner: readonly GrantSet[] = [{ holder: "owner", owner: true, grants: [] }];
export const nobody: readonly GrantSet[] = [{ holder: "token none", owner: false, grants: [] }];

export function directClient(
  view: KernelView,
  surface: SurfaceName,
  sets: readonly GrantSet[] = owner,
): OperationClient {
  return {
    call: (operation, input, { signal = new AbortController().signal, ...options } = {}) =>
      view.call({
        surface,
        operation,
        input,
        caller: { kind: "owner", id: "owner", name: "owner" },
        sets,
        signal,
        ...options,
      }),
  };
}
