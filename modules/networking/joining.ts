/** This node on its way into a mesh, over a transport that listens nowhere. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { RoleName } from "../access/contract.ts";
import type { Admitted, RosterDoor } from "./enrolment.ts";
import { Enrolments } from "./enrolments.ts";
import { areFacts } from "./facts.ts";
import { decodeInviteCode } from "./invite-code.ts";
import { InviteStore } from "./invite-store.ts";
import { Invites } from "./invites.ts";
import type { JoinStep } from "./join.ts";
import type { NetworkingPorts } from "./networking.ts";
import type { PendingEnrolment } from "./pending-enrolments.ts";
import { RosterLedger } from "./roster-ledger.ts";
import { RosterStore } from "./roster-store.ts";
import type { NodeKey } from "./transport.ts";

export class Joining {
  readonly #ports: NetworkingPorts;
  readonly #key: NodeKey;
  readonly #cap: RoleName;
  readonly #given = new AbortController();
  #enrolments: Enrolments | undefined;
  #running = false;

  constructor(ports: NetworkingPorts, key: NodeKey, cap: RoleName) {
    this.#ports = ports;
    this.#key = key;
    this.#cap = cap;
  }

  get running(): boolean {
    return this.#running;
  }

  pending(): readonly PendingEnrolment[] {
    return this.#enrolments?.pending() ?? [];
  }

  /** Gives this node's own enrolment up. @throws OperoneError `not_found` */
  reject(id: string): PendingEnrolment {
    if (this.#enrolments === undefined) throw new OperoneError("not_found", `No enrolment "${id}" waits`);
    return this.#enrolments.reject(id);
  }

  stop(): void {
    this.#given.abort(new OperoneError("unavailable", "The node is stopping"));
  }

  /** @throws OperoneError as `Enrolments.join` */
  async *steps(code: string, signal: AbortSignal): AsyncGenerator<JoinStep, void> {
    this.#running = true;
    try {
      yield* this.#enrol(code, signal);
    } finally {
      this.#running = false;
    }
  }

  async *#enrol(code: string, signal: AbortSignal): AsyncGenerator<JoinStep, void> {
    const { inviter } = decodeInviteCode(code);
    const { clock, random, log, names, database } = this.#ports;
    const transport = await this.#ports.openSilentTransport(this.#key, {
      admit: (peerId) => (peerId === inviter ? "enrolling" : "refused"),
      onLink: () => {},
    });
    try {
      this.#enrolments = new Enrolments({
        transport,
        invites: new Invites({ store: new InviteStore(database), clock, random }),
        door: this.#door(),
        clock,
        random,
        log,
      });
      const either = AbortSignal.any([signal, this.#given.signal]);
      for await (const step of this.#enrolments.join(code, { name: names.name(), signal: either })) {
        // Before anybody hears of it the port must be free for the one that listens.
        if (step.step === "joined") await transport.stop();
        yield step;
      }
    } finally {
      await transport.stop();
    }
  }

  #door(): RosterDoor {
    return {
      meshId: undefined,
      admit: () => Promise.reject(new OperoneError("forbidden", "This node is in no mesh")),
      accept: (admitted) => this.#accept(admitted),
    };
  }

  /** The roster first, then the membership: a crash between them leaves a node that is in no mesh, and joins again. */
  async #accept({ meshId, entries }: Admitted): Promise<void> {
    const { database, clock, membership } = this.#ports;
    const ledger = new RosterLedger({ mesh: meshId, store: new RosterStore(database), clock });
    await ledger.acceptEntries(
      entries.filter((bytes) => !areFacts(bytes)),
      undefined,
    );
    await ledger.acceptFacts(entries.filter(areFacts), undefined);
    if (!ledger.roster.isMember(this.#key.peerId)) {
      throw new OperoneError(
        "forbidden",
        "The inviting machine sent a roster in which this machine is no member; ask for a new code from an admin",
      );
    }
    membership.write({ mesh: meshId, joinedAtMs: clock.nowMs(), cap: this.#cap });
  }
}
