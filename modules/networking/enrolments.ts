/** The enrolments of this node: those that come in over `/operone/enroll/1`, and its own with the code of a mesh. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Log, Random } from "../../src/kernel/ports.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import type { RoleName } from "../access/contract.ts";
import { Deadline } from "./deadline.ts";
import { type ProvenPeer, type RosterDoor, serveEnrolment } from "./enrolment.ts";
import { EnrolmentProtocolError, EnrolmentWire } from "./enrolment-wire.ts";
import type { Invites } from "./invites.ts";
import { type JoinOptions, type JoinStep, joinMesh } from "./join.ts";
import { type PendingEnrolment, PendingEnrolments, type PendingHandle } from "./pending-enrolments.ts";
import { hostOf } from "./remote-host.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { Link, Transport } from "./transport.ts";

export const enrolmentLimits = {
  /** In all, without the time that a person takes to confirm. */
  timeoutMs: 10_000,
  /** Channels whose peer has not proven the code yet. */
  unprovenMax: 24,
  /** Of the token bucket that every channel of one host takes from. */
  burstMax: 20,
  refillMs: 1_000,
  /** Newcomers whose words can still be looked up. */
  seenMax: 256,
  /** Buckets that are kept: those of the hosts that came last. */
  hostsMax: 1_024,
} as const;

export interface Newcomer {
  /** What it calls itself. */
  readonly name: string;
  readonly words: readonly string[];
}

/** What happened here, for whoever shows it. Nothing waits for the listener. */
export interface EnrolmentEvent {
  /** `proven`: the code is used, the words can be compared. `waiting`: a person must confirm. */
  readonly kind: "proven" | "waiting" | "joined" | "rejected" | "failed";
  readonly peerId: string;
  readonly name: string;
  readonly role: RoleName;
  readonly words: readonly string[];
  readonly inviteId: string;
}

export interface EnrolmentsInput {
  readonly transport: Pick<Transport, "peerId" | "dial" | "prolong">;
  readonly invites: Invites;
  readonly door: RosterDoor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  onEvent?(event: EnrolmentEvent): void;
}

export class Enrolments {
  readonly #use: EnrolmentsInput;
  readonly #pending: PendingEnrolments;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #unproven = new Set<MeshChannel>();
  /** By peer: one at a time, the newest. */
  readonly #proven = new Map<string, MeshChannel>();
  readonly #cameToEnrol = new WeakSet<object>();
  /** By peer: what it said and showed, for people. */
  readonly #seen = new Map<string, Newcomer>();
  #joining = false;

  constructor(use: EnrolmentsInput) {
    this.#use = use;
    this.#pending = new PendingEnrolments(use.clock, use.random);
  }

  /** Channels that are being served; each is bounded in bytes and time. */
  get active(): number {
    return this.#unproven.size + this.#proven.size;
  }

  /** Whether the other end of the link has enrolled over it: it closes it then, and comes back as a member. */
  cameToEnrol(link: Link): boolean {
    return this.#cameToEnrol.has(link);
  }

  /** Whether a peer that is no member may open the enrolment protocol. */
  admits(peerId: string): boolean {
    return this.#use.door.meshId !== undefined && this.#use.invites.admits(peerId);
  }

  /** One that has proven a code since this node runs. */
  newcomer(peerId: string): Newcomer | undefined {
    return this.#seen.get(peerId);
  }

  pending(): readonly PendingEnrolment[] {
    return this.#pending.list();
  }

  /** @throws OperoneError `not_found`, `conflict` */
  confirm(id: string): PendingEnrolment {
    return this.#pending.confirm(id);
  }

  /** The invite is then revoked. @throws OperoneError `not_found` */
  reject(id: string): PendingEnrolment {
    return this.#pending.reject(id);
  }

  /** Ends whatever is under way here; those who asked may come again with the same code. A `join` ends by its signal. */
  stop(): void {
    for (const channel of [...this.#unproven, ...this.#proven.values()]) channel.reset();
  }

  /** Serves a channel that a peer has opened. Never throws; the promise resolves when the channel is done. */
  async handle(channel: MeshChannel, link: Pick<Link, "peerId" | "remoteAddress">): Promise<void> {
    const wire = new EnrolmentWire(channel);
    this.#cameToEnrol.add(link);
    if (this.#unproven.size >= enrolmentLimits.unprovenMax || !this.#takeToken(link.remoteAddress)) {
      // Not awaited: a peer that does not read must not hold anything here.
      wire.send({ type: "busy" }).catch(() => {});
      channel.close();
      return;
    }
    this.#unproven.add(channel);
    const deadline = new Deadline(this.#use.clock, enrolmentLimits.timeoutMs, () => channel.reset());
    try {
      await this.#serve(wire, channel, link, deadline);
      channel.close();
    } catch (error) {
      this.#use.log.info("An enrolment was not completed", { peerId: link.peerId, reason: String(error) });
      // What was sent still arrives with a close, and the reason may be among it.
      if (error instanceof EnrolmentProtocolError || deadline.passed) channel.reset();
      else channel.close();
    } finally {
      deadline.pause();
      this.#unproven.delete(channel);
      if (this.#proven.get(link.peerId) === channel) this.#proven.delete(link.peerId);
    }
  }

  /** Whoever floods takes from its own host alone. */
  #takeToken(remoteAddress: string): boolean {
    const { burstMax, refillMs, hostsMax } = enrolmentLimits;
    const host = hostOf(remoteAddress);
    const bucket =
      this.#buckets.get(host) ?? new TokenBucket(this.#use.clock, { tokensMax: burstMax, refillMs });
    this.#buckets.delete(host);
    this.#buckets.set(host, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > hostsMax && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket.take();
  }

  async #serve(
    wire: EnrolmentWire,
    channel: MeshChannel,
    link: Pick<Link, "peerId" | "remoteAddress">,
    deadline: Deadline,
  ): Promise<void> {
    const { transport, invites, door, clock, random } = this.#use;
    const { timeoutMs } = enrolmentLimits;
    let proven: ProvenPeer | undefined;
    let request: PendingRequest | undefined;
    try {
      await serveEnrolment({
        wire,
        peerId: link.peerId,
        selfId: transport.peerId,
        invites,
        door,
        clock,
        random,
        deadline,
        onProven: (peer) => {
          this.#takeOver(link.peerId, channel);
          transport.prolong(link.peerId, timeoutMs);
          this.#remember(peer);
          if (peer.redemption.unconfirmed)
            request = new PendingRequest(this.#use, this.#pending, peer, link.remoteAddress);
          proven = peer;
          this.#tell("proven", peer);
        },
        decide: async (peer, gone) => {
          // Without somebody to ask there is no yes.
          if (request === undefined) throw new OperoneError("internal", "Nobody was asked to confirm");
          this.#tell("waiting", peer);
          transport.prolong(link.peerId, peer.redemption.expiresAtMs - clock.nowMs() + timeoutMs);
          await request.answer(gone);
          transport.prolong(link.peerId, timeoutMs);
        },
      });
      if (proven !== undefined) this.#tell("joined", proven);
    } catch (error) {
      if (proven !== undefined) this.#tell(request?.rejected === true ? "rejected" : "failed", proven);
      throw error;
    } finally {
      request?.end();
    }
  }

  /** The same peer came again: whatever it had open before is most likely dead. */
  #takeOver(peerId: string, channel: MeshChannel): void {
    this.#proven.get(peerId)?.reset();
    this.#proven.set(peerId, channel);
    this.#unproven.delete(channel);
  }

  #remember({ peerId, name, words }: ProvenPeer): void {
    this.#seen.delete(peerId);
    this.#seen.set(peerId, { name, words });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > enrolmentLimits.seenMax && oldest !== undefined) this.#seen.delete(oldest);
  }

  #tell(kind: EnrolmentEvent["kind"], { peerId, name, words, redemption }: ProvenPeer): void {
    const { id: inviteId, role } = redemption;
    this.#use.onEvent?.({ kind, peerId, name, role, words, inviteId });
  }

  /**
   * Joins the mesh of the code, and says how far it is. Connections that fail are tried again a few times.
   *
   * @throws OperoneError what `decodeInviteCode` says; `conflict` when this node is in another mesh, or joins already;
   *   `forbidden` when the code is refused; `unavailable`, `limited`, `deadline` after the last try; `cancelled`
   */
  async *join(code: string, options: JoinOptions): AsyncGenerator<JoinStep, void> {
    if (this.#joining)
      throw new OperoneError(
        "conflict",
        "This machine is joining a mesh already; reject that enrolment first, or wait for it",
      );
    this.#joining = true;
    try {
      yield* joinMesh(
        { ...this.#use, pending: this.#pending, code, timeoutMs: enrolmentLimits.timeoutMs },
        options,
      );
    } finally {
      this.#joining = false;
    }
  }
}

/** One peer that waits for a person here, from the moment it has proven the code. */
class PendingRequest {
  readonly #decision = Promise.withResolvers<void>();
  readonly #handle: PendingHandle;
  readonly #stopTimer: () => void;
  rejected = false;

  /** @throws OperoneError `limited` when too many wait */
  constructor(
    { invites, clock }: EnrolmentsInput,
    pending: PendingEnrolments,
    { peerId, name, words, redemption }: ProvenPeer,
    address: string,
  ) {
    const { role, id, expiresAtMs } = redemption;
    this.#decision.promise.catch(() => {});
    this.#handle = pending.add({
      direction: "in",
      peerId,
      name,
      address,
      role,
      words,
      reason: "A person must confirm it here: the words must be the same on both machines",
      reasonAgain: "It asked before, and came again with new words: compare those on both machines",
      confirm: () => {
        try {
          invites.confirm(id);
        } catch (error) {
          this.#decision.reject(error);
          throw error;
        }
        this.#decision.resolve();
      },
      reject: () => {
        this.rejected = true;
        invites.revoke(id);
        this.#decision.reject(
          new OperoneError("forbidden", "A person at the inviting machine rejected this one"),
        );
      },
    });
    const expired = () =>
      this.#decision.reject(
        new OperoneError(
          "forbidden",
          "Nobody confirmed this machine before its code expired; ask for a new code",
        ),
      );
    this.#stopTimer = clock.after(Math.max(0, expiresAtMs - clock.nowMs()), expired);
  }

  /** Rejects also when the peer is gone. */
  async answer(gone: Promise<unknown>): Promise<void> {
    const left = gone.then(() => {
      throw new OperoneError("unavailable", "The joining machine went on without waiting");
    });
    await Promise.race([this.#decision.promise, left]);
  }

  end(): void {
    this.#stopTimer();
    this.#handle.remove();
  }
}
