/** Items that are there at once, taken together, so that each of them need not have a write of its own. */
import { setImmediate } from "node:timers";

export interface Gathering<Item, Part> {
  /** What becomes of an item; called once for each, in order. */
  part(item: Item): Part;
  sizeOf(part: Part): number;
  /** From this size on no more is added, in the unit of `sizeOf`. */
  readonly sizeMax: number;
}

/**
 * Gives the parts of all items that are ready in one turn of the event loop, at least one. Nothing waits for an item
 * that is not ready, and at most one is asked for before its place is free. When the items fail, what came before is
 * given first, and then the failure thrown.
 */
export async function* gathered<Item, Part>(
  items: AsyncIterable<Item>,
  { part, sizeOf, sizeMax }: Gathering<Item, Part>,
): AsyncGenerator<readonly Part[], void> {
  const iterator = items[Symbol.asyncIterator]();
  let asked: Promise<IteratorResult<Item, unknown>> | undefined;
  let isOver = false;
  try {
    while (!isOver) {
      const parts: Part[] = [];
      const turn = new Turn();
      let failure: { readonly error: unknown } | undefined;
      try {
        for (let size = 0; size < sizeMax; ) {
          asked ??= iterator.next();
          const step = parts.length === 0 ? await asked : await turn.until(asked);
          if (step === undefined) break;
          asked = undefined;
          isOver = step.done === true;
          if (step.done === true) break;
          const made = part(step.value);
          parts.push(made);
          size += sizeOf(made);
          turn.begin();
        }
      } catch (error) {
        failure = { error };
      }
      if (parts.length > 0) yield parts;
      if (failure === undefined) continue;
      isOver = asked !== undefined;
      asked = undefined;
      throw failure.error;
    }
  } finally {
    if (!isOver) await ended(iterator, asked);
  }
}

/** An iterator that is busy with a step may not hear of its end before that is done, which may be never. */
async function ended(iterator: AsyncIterator<unknown>, asked: Promise<unknown> | undefined): Promise<void> {
  const ending = iterator.return?.();
  if (asked === undefined) await ending;
  else {
    asked.catch(() => {});
    ending?.catch(() => {});
  }
}

/** The rest of this turn of the event loop: all that needs no more than promises comes before its end. */
class Turn {
  #over: Promise<undefined> | undefined;

  begin(): void {
    this.#over ??= new Promise((resolve) => {
      setImmediate(() => resolve(undefined));
    });
  }

  /** Undefined when the turn ends first. */
  until<T>(step: Promise<T>): Promise<T | undefined> {
    return this.#over === undefined ? step : Promise.race([step, this.#over]);
  }
}
