/** Progress that is told now and then: each word of it travels to whoever called. */
import type { Progress } from "../../src/kernel/operation.ts";

const bytesStep = 16 * 1024 * 1024;
const entriesStep = 2_000;

type Tell = (progress: Progress) => void;

export function byteProgress(tell: Tell): (done: number, total?: number) => void {
  const due = steps(bytesStep);
  return (done, total) => {
    if (due(done)) tell({ done, unit: "bytes", ...(total === undefined ? {} : { total }) });
  };
}

export function entryProgress(tell: Tell): (done: number) => void {
  const due = steps(entriesStep);
  return (done) => {
    if (due(done)) tell({ done, unit: "entries" });
  };
}

/** Whether a further step has been passed. */
function steps(size: number): (done: number) => boolean {
  let next = size;
  return (done) => {
    if (done < next) return false;
    next = done + size;
    return true;
  };
}
