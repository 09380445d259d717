/**
 * Spreads the roster and the nodes' facts over the links of this node: one conversation a link, on a channel that
 * the dialing side opens. A peer that breaks the protocol, floods, or stalls loses its link; one that the roster no
 * longer names loses it too.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Log } from "../../src/kernel/ports.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import { PeerBudgets } from "./budget.ts";
import { RosterConversation } from "./roster-conversation.ts";
import { RosterDigests } from "./roster-digests.ts";
import type { LedgerChange, RosterLedger } from "./roster-ledger.ts";
import { rosterLimits } from "./roster-limits.ts";
import { type Link, protocols } from "./transport.ts";

export interface RosterSyncOptions {
  readonly ledger: RosterLedger;
  readonly clock: Clock;
  readonly log: Log;
  /** The peer of a link is no member, or no longer; that link is closed already, others of the peer may be open. */
  onOutsider(peerId: string): void;
}

interface Session {
  readonly link: Link;
  readonly settled: PromiseWithResolvers<void>;
  conversation: RosterConversation | undefined;
  /** A node that joins knows nobody before the first exchange. */
  wasMember: boolean;
  /** Removed a moment ago, with no rights any more; it may still hear of that. */
  leaving: boolean;
  cancelTimer(): void;
}

export class RosterSync {
  readonly #options: RosterSyncOptions;
  readonly #digests: RosterDigests;
  readonly #budgets: PeerBudgets;
  readonly #sessions = new Map<Link, Session>();
  readonly #forget: () => void;

  constructor(options: RosterSyncOptions) {
    this.#options = options;
    this.#digests = new RosterDigests(options.ledger.roster.index);
    this.#budgets = new PeerBudgets(options.clock, rosterLimits.budgetsMax);
    this.#forget = options.ledger.onChange((change) => this.#spread(change));
  }

  /** For each new link to a member. Opens the channel when this side dialed. */
  attach(link: Link): void {
    if (link.closed.aborted) return;
    const session = this.#session(link);
    if (link.direction !== "out" || session.conversation !== undefined) return;
    link
      .openChannel(protocols.roster, link.closed)
      .then((channel) => this.#converse(session, channel))
      .catch((error) => this.#cutOff(session, error));
  }

  /** For a channel that the peer opened; a second one on a link is refused. */
  serve(channel: MeshChannel, link: Link): void {
    if (link.direction === "in") void this.#converse(this.#session(link), channel);
    else channel.reset();
  }

  /**
   * Resolves when the first exchange with the peer of the link is complete: this node then knows all that the peer
   * knew. Only entries of forked chains may take one more turn.
   *
   * @throws OperoneError `unavailable` when the link ended before
   */
  settled(link: Link): Promise<void> {
    if (link.closed.aborted) return Promise.reject(linkEnded(link));
    this.attach(link);
    return this.#session(link).settled.promise;
  }

  /** Whether the peer, removed, is just being told so; its links then end within a second. */
  isTakingLeave(peerId: string): boolean {
    return [...this.#sessions.values()].some(({ link, leaving }) => leaving && link.peerId === peerId);
  }

  /** Ends all conversations; the links stay. */
  stop(): void {
    this.#forget();
    for (const session of [...this.#sessions.values()]) this.#end(session, undefined);
  }

  #session(link: Link): Session {
    const existing = this.#sessions.get(link);
    if (existing !== undefined) return existing;
    const wasMember = this.#options.ledger.roster.isMember(link.peerId);
    const settled = Promise.withResolvers<void>();
    settled.promise.catch(() => {});
    const session: Session = {
      link,
      settled,
      wasMember,
      leaving: false,
      conversation: undefined,
      cancelTimer: () => {},
    };
    if (link.closed.aborted) {
      settled.reject(linkEnded(link));
      return session;
    }
    this.#sessions.set(link, session);
    session.cancelTimer = this.#options.clock.after(rosterLimits.silenceMsMax, () => {
      if (session.conversation === undefined)
        this.#cutOff(session, new OperoneError("deadline", "The peer opened no channel for the roster"));
    });
    link.closed.addEventListener("abort", () => this.#end(session, undefined), { once: true });
    return session;
  }

  async #converse(session: Session, channel: MeshChannel): Promise<void> {
    if (this.#sessions.get(session.link) !== session || session.conversation !== undefined) {
      channel.reset();
      return;
    }
    const { ledger, clock, log } = this.#options;
    const conversation = new RosterConversation({
      channel,
      ledger,
      clock,
      log,
      digests: this.#digests,
      budget: this.#budgets.of(session.link.peerId),
      onSettled: () => this.#settle(session),
    });
    session.conversation = conversation;
    try {
      await conversation.run();
      this.#cutOff(session, new OperoneError("unavailable", "The peer closed the channel for the roster"));
    } catch (error) {
      this.#cutOff(session, error);
    }
  }

  #spread(change: LedgerChange): void {
    for (const session of [...this.#sessions.values()]) {
      if (session.leaving) continue;
      session.conversation?.tell(change);
      if (change.entries.length > 0) this.#checkMember(session, false);
    }
  }

  #settle(session: Session): void {
    session.settled.resolve();
    this.#checkMember(session, true);
  }

  #checkMember(session: Session, isSettled: boolean): void {
    const { roster } = this.#options.ledger;
    const { peerId } = session.link;
    if (roster.isMember(peerId)) {
      session.wasMember = true;
      return;
    }
    if (!session.wasMember && !isSettled && !roster.isRemoved(peerId)) return;
    const takesLeave = session.conversation !== undefined && !isSettled && roster.isRemoved(peerId);
    if (takesLeave) this.#takeLeave(session);
    else this.#closeOutsider(session);
  }

  /** A node that reads that it is removed hangs up by itself. */
  #takeLeave(session: Session): void {
    session.leaving = true;
    session.cancelTimer();
    session.cancelTimer = this.#options.clock.after(rosterLimits.leaveMsMax, () =>
      this.#closeOutsider(session),
    );
  }

  #closeOutsider(session: Session): void {
    const { peerId } = session.link;
    this.#end(session, undefined);
    session.link.close();
    this.#options.log.info("A link was closed: its peer is no member of the mesh", { peer: peerId });
    this.#options.onOutsider(peerId);
  }

  /** The peer's doing, or the connection's: the link goes, and whoever dials may try again. */
  #cutOff(session: Session, error: unknown): void {
    if (!this.#end(session, error)) return;
    const { peerId } = session.link;
    const why = error instanceof OperoneError ? error.message : "its channel broke";
    // A node that stops or leaves ends its channels too, and what is no longer connected is told once by its name.
    const isOrdinary = !(error instanceof OperoneError) || error.code === "unavailable";
    if (!session.link.closed.aborted)
      this.#options.log[isOrdinary ? "debug" : "warn"]("A link was closed because of its roster channel", {
        peer: peerId,
        error: why,
      });
    session.link.close();
  }

  /** False when it had ended already. */
  #end(session: Session, reason: unknown): boolean {
    if (!this.#sessions.delete(session.link)) return false;
    session.cancelTimer();
    session.settled.reject(linkEnded(session.link, reason));
    session.conversation?.end(reason);
    return true;
  }
}

function linkEnded({ peerId }: Link, reason?: unknown): OperoneError {
  const why = reason instanceof OperoneError ? `: ${reason.message}` : "";
  return new OperoneError(
    "unavailable",
    `The link to ${peerId} ended before the rosters were compared${why}`,
    undefined,
    { cause: reason },
  );
}
