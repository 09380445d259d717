/**
 * A node that starts says nothing to the roster before it has compared it with another member: restored from a backup
 * it would say anew what it said already, fork its own chain, and take along whoever it had admitted since.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import { withLimit } from "../../src/kernel/limit.ts";
import type { Clock } from "../../src/kernel/ports.ts";

/** Within the deadline of an enrolment, which may be what waits. */
export const hearingMsMax = 5_000;

export class FirstHearing {
  readonly #clock: Clock;
  readonly #othersCount: () => number;
  readonly #heard = Promise.withResolvers<void>();
  #isOver: boolean;

  /**
   * @param isNeeded false for a node that has just made or entered its mesh
   * @param othersCount members beside this node
   */
  constructor(clock: Clock, isNeeded: boolean, othersCount: () => number) {
    this.#clock = clock;
    this.#othersCount = othersCount;
    this.#isOver = !isNeeded;
  }

  /** The roster was compared with another member's, or whoever has the recovery phrase knows better. */
  end(): void {
    this.#isOver = true;
    this.#heard.resolve();
  }

  /** @throws OperoneError `unavailable` when nobody was heard within `hearingMsMax` */
  async over(): Promise<void> {
    if (this.#isOver || this.#othersCount() === 0) return;
    if (await withLimit(this.#heard.promise, hearingMsMax, this.#clock)) return;
    throw new OperoneError(
      "unavailable",
      'This node has reached no other member since it started, and if it was restored from a backup, what it says of the roster now could undo what it said before; try again when another node is connected ("operone nodes"), or use the recovery phrase here ("operone recover")',
    );
  }
}
