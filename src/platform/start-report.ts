/** How a node in the background tells the one who started it how its start went. */
import { closeSync, writeSync } from "node:fs";
import type { ErrorCode } from "../kernel/error.ts";

/** The descriptor on which the child tells it, as one JSON document. */
export const reportDescriptor = 3;
/** Tells the child that somebody reads that descriptor. */
export const detachedFlag = "--detached-child";

export type DetachReport =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: ErrorCode; readonly text: string };

/** Nobody may be reading any more, and that is no failure of the node. */
export function reportStart(report: DetachReport): void {
  try {
    writeSync(reportDescriptor, JSON.stringify(report));
    closeSync(reportDescriptor);
  } catch {}
}
