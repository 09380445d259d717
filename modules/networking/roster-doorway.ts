/** Between the enrolment and the roster: who comes in, and what the newcomer must know. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { RoleName } from "../access/contract.ts";
import type { RosterDoor } from "./enrolment.ts";
import type { RosterLedger } from "./roster-ledger.ts";
import type { Signer } from "./signed-record.ts";

export class RosterDoorway implements RosterDoor {
  readonly #ledger: RosterLedger;
  readonly #signer: Signer;

  constructor(ledger: RosterLedger, signer: Signer) {
    this.#ledger = ledger;
    this.#signer = signer;
  }

  get meshId(): string {
    return this.#ledger.roster.mesh;
  }

  async admit(peerId: string, role: RoleName): Promise<{ readonly entries: readonly Uint8Array[] }> {
    const { roster } = this.#ledger;
    if (!roster.isMember(peerId)) await this.#ledger.issue(this.#signer, { subject: peerId, role });
    // The facts too: they say where the others listen, the inviter first of all.
    const all = [...roster.index.all(), ...this.#ledger.facts()];
    return { entries: all.map(({ envelope }) => envelope) };
  }

  accept(): Promise<void> {
    return Promise.reject(
      new OperoneError("conflict", "This node is in a mesh; leave it before joining another"),
    );
  }
}
