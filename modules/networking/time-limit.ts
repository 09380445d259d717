import type { Clock } from "../../src/kernel/ports.ts";

/** A signal that aborts after `timeoutMs` of the clock, or with `outer`. `done` takes the timer back. */
export function deadline(
  clock: Clock,
  timeoutMs: number,
  outer?: AbortSignal,
): { readonly signal: AbortSignal; done(): void } {
  const controller = new AbortController();
  const cancel = clock.after(timeoutMs, () =>
    controller.abort(new Error(`There was no answer within ${timeoutMs} ms`)),
  );
  const signal = outer === undefined ? controller.signal : AbortSignal.any([controller.signal, outer]);
  return { signal, done: cancel };
}
