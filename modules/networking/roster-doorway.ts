/** Between the enrolment and the roster: who comes in, and what the newcomer must know. */
import { OperoneError } from "../../src/kernel/error.ts";
import { type RoleName, roleNames } from "../access/contract.ts";
import type { RosterDoor } from "./enrolment.ts";
import type { FirstHearing } from "./first-hearing.ts";
import type { RosterLedger } from "./roster-ledger.ts";
import type { Signer } from "./signed-record.ts";

export class RosterDoorway implements RosterDoor {
  readonly #ledger: RosterLedger;
  readonly #signer: Signer;
  readonly #hearing: Pick<FirstHearing, "over">;

  constructor(ledger: RosterLedger, signer: Signer, hearing: Pick<FirstHearing, "over">) {
    this.#ledger = ledger;
    this.#signer = signer;
    this.#hearing = hearing;
  }

  get meshId(): string {
    return this.#ledger.roster.mesh;
  }

  /**
   * A member that comes again, because it lost what it knew, has the role of its invite afterwards.
   *
   * @throws OperoneError `conflict` when it is less already: an invite is for newcomers, and raises nobody; what
   *   `Roster.next` and `FirstHearing.over` say
   */
  async admit(peerId: string, role: RoleName): Promise<{ readonly entries: readonly Uint8Array[] }> {
    await this.#hearing.over();
    const { roster } = this.#ledger;
    const standing = roster.members().find((member) => member.peerId === peerId)?.role;
    if (standing !== undefined && roleNames.indexOf(standing) < roleNames.indexOf(role)) {
      throw new OperoneError(
        "conflict",
        `${peerId} is ${standing} in this mesh already, and the invite says ${role}; use an invite for ${standing}, and "operone role" afterwards`,
      );
    }
    if (standing !== role) await this.#ledger.issue(this.#signer, { subject: peerId, role });
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
