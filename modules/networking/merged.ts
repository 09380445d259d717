/** Several sources as one, each as fast as it is read: one step of each is under way at a time. */
export async function* merged<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T, void> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const step = async (iterator: AsyncIterator<T>) => ({ iterator, result: await iterator.next() });
  const waiting = new Map(iterators.map((iterator) => [iterator, step(iterator)]));
  // Whichever fails after another has ended this one must not count as unhandled.
  for (const promise of waiting.values()) promise.catch(() => {});
  try {
    while (waiting.size > 0) {
      const { iterator, result } = await Promise.race(waiting.values());
      if (result.done === true) {
        waiting.delete(iterator);
        continue;
      }
      const next = step(iterator);
      next.catch(() => {});
      // To the end of the row: with a race in order, a busy source in front would be read alone.
      waiting.delete(iterator);
      waiting.set(iterator, next);
      yield result.value;
    }
  } finally {
    for (const iterator of waiting.keys()) void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
