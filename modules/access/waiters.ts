/** Calls that wait for a person's answer, by approval, first come first served. */
import type { OperoneError } from "../../src/kernel/error.ts";

/** `go`: run. `again`: look once more, because another call has used the approval. */
export type WaiterAnswer = "go" | "again";

export interface Waiter {
  answer(answer: WaiterAnswer): void;
  refuse(error: OperoneError): void;
}

export class Waiters {
  readonly #byApproval = new Map<string, Set<Waiter>>();

  /** Resolves with the answer; rejects with the refusal, or with the signal's reason when the caller leaves. */
  wait(id: string, signal: AbortSignal): Promise<WaiterAnswer> {
    return new Promise((resolve, reject) => {
      const waiters = this.#byApproval.get(id) ?? new Set();
      this.#byApproval.set(id, waiters);
      const leave = () => {
        signal.removeEventListener("abort", onAbort);
        waiters.delete(waiter);
        if (waiters.size === 0 && this.#byApproval.get(id) === waiters) this.#byApproval.delete(id);
      };
      const onAbort = () => {
        leave();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        answer(answer) {
          leave();
          resolve(answer);
        },
        refuse(error) {
          leave();
          reject(error);
        },
      };
      waiters.add(waiter);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Those who wait for this approval, each to be answered by whoever takes them. */
  take(id: string): readonly Waiter[] {
    const waiters = [...(this.#byApproval.get(id) ?? [])];
    this.#byApproval.delete(id);
    return waiters;
  }

  count(id: string): number {
    return this.#byApproval.get(id)?.size ?? 0;
  }

  refuseAll(error: OperoneError): void {
    for (const id of [...this.#byApproval.keys()]) {
      for (const waiter of this.take(id)) waiter.refuse(error);
    }
  }
}
