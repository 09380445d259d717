/** Says that something may be different now; what, whoever listens looks up. */
export class Bell {
  readonly #listeners = new Set<() => void>();

  ring(): void {
    for (const run of [...this.#listeners]) run();
  }

  /** @param run must not throw, and does its work later. Gives what ends it. */
  listen(run: () => void): () => void {
    // One of its own: the same function may listen twice.
    const listener = () => run();
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
