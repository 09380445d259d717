/** Time as the system tells it. */
import type { Clock } from "../kernel/ports.ts";

/** setTimeout fires at once above this delay (2^31 - 1 ms, 24.8 days), so longer ones are waited for in pieces. */
const delayMsMax = 2_147_483_647;

export function systemClock(): Clock {
  return { nowMs: () => Date.now(), monotonicMs: () => performance.now(), after };
}

function after(delayMs: number, run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (leftMs: number) => {
    const pieceMs = Math.min(leftMs, delayMsMax);
    const next = () => (leftMs > pieceMs ? wait(leftMs - pieceMs) : run());
    timer = setTimeout(next, pieceMs);
    timer.unref();
  };
  wait(Math.max(0, delayMs));
  return () => clearTimeout(timer);
}
