/** Watches one tree: from hints to what changed, in the order in which it can be done again. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Clock } from "../../../src/kernel/ports.ts";
import { hold } from "../local/place.ts";
import { Dirt, passed } from "./dirt.ts";
import { type Hints, type OpenHints, systemHints } from "./hints.ts";
import { factsOf, isAttached, isSameFile, type Node, nodeOf } from "./model.ts";
import { Settling, type Step } from "./settling.ts";
import { type Ground, type Survey, Surveyor } from "./survey.ts";

/** How often a debounce may be put off while things go on changing. */
const delaysMax = 10;
/** How long nothing at all is looked at: the folder's file system may have gone without a word. */
const pulseMs = 1_000;
/** Of the time, what comparing a whole tree again and again may take: one part in so many. */
const pollShare = 20;

export interface WatchOptions extends Omit<Ground, "root"> {
  readonly clock: Clock;
  readonly debounceMs: number;
  readonly initial: boolean;
  /** Whether a step tells of what is in the directory, too. */
  readonly listsInside: boolean;
  /** Called before each look, and every second. @throws OperoneError when the caller may not watch any more */
  check(): void;
  readonly openHints?: OpenHints;
  /** Names that are kept of what happened; more are "everything". */
  readonly namesMax?: number;
}

export type Told =
  | { readonly steps: readonly Step[] }
  | { readonly ready: true }
  | { readonly rescanned: string }
  | { readonly polling: string }
  | { readonly ended: string };

/**
 * Nothing is looked at while the reader does not read: then what changed in between is one change. Ends when the folder
 * is not there any more, or the signal aborts.
 */
export async function* watchTree(options: WatchOptions): AsyncGenerator<Told, void> {
  const { signal, clock, openHints = systemHints } = options;
  const root = await rootNode(options.host);
  const dirt = new Dirt(root, options.namesMax);
  const hints = openHints(root, options.host, dirt);
  try {
    const surveyor = new Surveyor({ ...options, root }, hints);
    yield* first(options, root, surveyor, dirt, hints);
    let wasBlind = false;
    for (let lookMs = 0; ; ) {
      await dirt.marked(clock, Math.max(pulseMs, lookMs * pollShare), signal);
      if (!dirt.isClean) await quiet(dirt, clock, options.debounceMs, signal);
      if (signal.aborted) return;
      options.check();
      if (dirt.blindness !== undefined) {
        if (!wasBlind) yield { polling: dirt.blindness };
        wasBlind = true;
        dirt.directory(root);
      }
      const { marks, reason } = dirt.take();
      const beganMs = clock.monotonicMs();
      const survey = await surveyor.look(marks);
      if (wasBlind) lookMs = clock.monotonicMs() - beganMs;
      if (survey.rootGone || (marks.size === 0 && !(await isThere(options.host, root))))
        return yield { ended: "the folder was removed, renamed or unmounted" };
      if (reason !== undefined) yield { rescanned: reason };
      const steps = settle(root, survey, dirt, hints, options.listsInside);
      if (steps.length > 0) yield { steps };
    }
  } finally {
    hints.close();
  }
}

async function* first(
  { initial, listsInside }: WatchOptions,
  root: Node,
  surveyor: Surveyor,
  dirt: Dirt,
  hints: Hints,
): AsyncGenerator<Told, void> {
  const everything = new Map([[root, { names: new Map<string, boolean>(), whole: "yes" as const }]]);
  const survey = await (initial ? surveyor.look(everything) : surveyor.adopt());
  if (survey.rootGone) return;
  const steps = settle(root, survey, dirt, hints, listsInside);
  if (steps.length > 0) yield { steps };
  yield { ready: true };
}

function settle(root: Node, survey: Survey, dirt: Dirt, hints: Hints, listsInside: boolean): readonly Step[] {
  const settling = new Settling(root, survey, listsInside, (directory) => hints.release(directory));
  settling.run();
  for (const node of settling.again) if (isAttached(node, root)) dirt.directory(node);
  return settling.steps;
}

async function rootNode(host: string): Promise<Node> {
  await using place = await hold(host);
  if (!place.facts.isDirectory() || place.real !== host)
    throw new OperoneError("conflict", "The folder was replaced while its watch began; try again");
  const root = nodeOf("", undefined, factsOf(place.facts));
  root.children = new Map();
  return root;
}

async function isThere(host: string, root: Node): Promise<boolean> {
  try {
    await using place = await hold(host);
    return place.real === host && isSameFile(root, factsOf(place.facts));
  } catch {
    return false;
  }
}

/** Until nothing was heard for that long, and not much longer than that however busy it is. */
async function quiet(dirt: Dirt, clock: Clock, debounceMs: number, signal: AbortSignal): Promise<void> {
  for (let delays = 0, heard = -1; delays < delaysMax && heard !== dirt.heard; delays += 1) {
    heard = dirt.heard;
    await passed(clock, debounceMs, signal);
    if (signal.aborted) return;
  }
}
