/** Ends what runs under a credential when that is revoked. */

/** Something that runs. */
export interface Abortable {
  abort(reason: unknown): void;
}

/** One listener on each credential's signal, however many requests come and go under it. */
export class Revocations {
  readonly #running = new WeakMap<AbortSignal, Set<Abortable>>();

  /** Aborts `one` with the signal's reason, now or when that comes, until it is forgotten. */
  watch(revoked: AbortSignal, one: Abortable): void {
    if (revoked.aborted) one.abort(revoked.reason);
    else this.#under(revoked).add(one);
  }

  forget(revoked: AbortSignal, one: Abortable): void {
    this.#running.get(revoked)?.delete(one);
  }

  #under(revoked: AbortSignal): Set<Abortable> {
    const known = this.#running.get(revoked);
    if (known !== undefined) return known;
    const running = new Set<Abortable>();
    this.#running.set(revoked, running);
    const end = () => {
      for (const one of running) one.abort(revoked.reason);
    };
    revoked.addEventListener("abort", end, { once: true });
    return running;
  }
}
