/**
 * Whether the recovery phrase of a mesh that this node made has reached anybody. It is shown once and kept nowhere, so
 * a caller that left, or a crash before the answer, would lose it for good: then the mesh, in which nobody else is
 * yet, is made anew.
 */
import type { Clock } from "../../src/kernel/ports.ts";
import type { ActiveMesh } from "./active-mesh.ts";
import type { MembershipStore } from "./membership-store.ts";

/** From the end of the call to when its answer has surely gone out. */
const answerMs = 1_000;

export class FoundingPhrase {
  readonly #membership: Pick<MembershipStore, "read" | "confirmPhrase">;
  readonly #clock: Clock;
  #isGiven = false;
  #cancelConfirm: (() => void) | undefined;

  constructor(membership: Pick<MembershipStore, "read" | "confirmPhrase">, clock: Clock) {
    this.#membership = membership;
    this.#clock = clock;
  }

  /** Whether nobody can have it, and nobody else is in the mesh. */
  isLost({ ledger, peerId }: Pick<ActiveMesh, "ledger" | "peerId">): boolean {
    if (this.#isGiven || this.#membership.read()?.phraseUnconfirmed !== true) return false;
    return [...ledger.roster.memberIds()].every((member) => member === peerId);
  }

  /** The call that made the mesh gives it to a caller who is there. */
  given(): void {
    this.#isGiven = true;
    this.#cancelConfirm = this.#clock.after(answerMs, () => this.#confirm());
  }

  /** An orderly stop answers what runs first. */
  stop(): void {
    if (this.#cancelConfirm !== undefined) this.#confirm();
  }

  #confirm(): void {
    this.#cancelConfirm?.();
    this.#cancelConfirm = undefined;
    this.#membership.confirmPhrase();
  }
}
