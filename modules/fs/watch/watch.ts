/** Watches one tree: from hints to what changed, in the order in which it can be done again. */
import type { BigIntStats } from "node:fs";
import type { Clock } from "../../../src/kernel/ports.ts";
import { OperoneError } from "../../../src/kernel/error.ts";
import { hold } from "../local/place.ts";
import { Dirt } from "./dirt.ts";
import { type Hints, type OpenHints, systemHints } from "./hints.ts";
import { isAttached, type Node, nodeOf } from "./model.ts";
import { Settling, type Step } from "./settling.ts";
import { type Ground, Surveyor } from "./survey.ts";

/** How often a debounce may be put off while things go on changing. */
const delaysMax = 10;

export interface WatchOptions extends Omit<Ground, "root"> {
  readonly clock: Clock;
  readonly debounceMs: number;
  readonly initial: boolean;
  readonly openHints?: OpenHints;
  readonly namesMax?: number;
}

export type Told =
  | { readonly steps: readonly Step[] }
  | { readonly ready: true }
  | { readonly rescanned: string }
  | { readonly ended: string };

/**
 * Nothing is looked at while the reader does not read: then what changed in between is one change. Ends when the folder
 * is not there any more, or the signal aborts.
 */
export async function* watchTree(options: WatchOptions): AsyncGenerator<Told, void> {
  const { signal, clock, debounceMs, openHints = systemHints } = options;
  const root = await rootNode(options.host);
  const dirt = new Dirt(root, options.namesMax);
  const hints = openHints(root, options.host, dirt);
  try {
    const surveyor = new Surveyor({ ...options, root }, hints);
    dirt.directory(root);
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      await dirt.marked(signal);
      if (!isFirst) await quiet(dirt, clock, debounceMs, signal);
      if (signal.aborted) return;
      const { marks, reason } = dirt.take();
      const survey = await surveyor.look(marks);
      if (survey.rootGone) return yield { ended: "the folder was removed, renamed or unmounted" };
      if (reason !== undefined) yield { rescanned: reason };
      const steps = settle(root, survey, dirt, hints);
      if (steps.length > 0 && (!isFirst || options.initial)) yield { steps };
      if (isFirst) yield { ready: true };
    }
  } finally {
    hints.close();
  }
}

function settle(
  root: Node,
  survey: Awaited<ReturnType<Surveyor["look"]>>,
  dirt: Dirt,
  hints: Hints,
): readonly Step[] {
  const settling = new Settling(root, survey, (directory) => hints.release(directory));
  settling.run();
  for (const node of settling.again) if (isAttached(node, root)) dirt.directory(node);
  return settling.steps;
}

async function rootNode(host: string): Promise<Node> {
  await using place = await hold(host);
  const facts: BigIntStats = place.facts;
  if (!facts.isDirectory() || place.real !== host)
    throw new OperoneError("conflict", "The folder was replaced while its watch began; try again");
  const root = nodeOf("", undefined, facts);
  root.children = new Map();
  return root;
}

/** Until nothing was heard for that long, and not much longer than that however busy it is. */
async function quiet(dirt: Dirt, clock: Clock, debounceMs: number, signal: AbortSignal): Promise<void> {
  for (let delays = 0, heard = -1; delays < delaysMax && heard !== dirt.heard; delays += 1) {
    heard = dirt.heard;
    await passed(clock, debounceMs, signal);
    if (signal.aborted) return;
  }
}

async function passed(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(ms, resolve);
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort);
  await promise;
  signal.removeEventListener("abort", onAbort);
  cancel();
}
