import type { Clock } from "./ports.ts";

/** Resolves when `work` settles or the time is over; never rejects. True when it settled in time. */
export function withLimit(work: Promise<unknown>, limitMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.after(limitMs, () => resolve(false));
    const settled = () => {
      cancel();
      resolve(true);
    };
    work.then(settled, settled);
  });
}
