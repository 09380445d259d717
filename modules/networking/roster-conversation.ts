/**
 * One peer at the other end of one channel: both tell what they have, both send what the other lacks, then each new
 * thing is told at once, and every 30 s they compare again. Reading never waits for writing, so two nodes that have
 * much to say cannot block each other; what may wait to be written is bounded instead.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import { withLimit } from "../../src/kernel/limit.ts";
import type { Clock, Log } from "../../src/kernel/ports.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import type { PeerBudget } from "./budget.ts";
import { answerTo, differenceTo, type Have, havePages, Summary, summaryPages } from "./roster-difference.ts";
import type { RosterDigests } from "./roster-digests.ts";
import type { Acceptance, LedgerChange, RosterLedger } from "./roster-ledger.ts";
import { rosterLimits } from "./roster-limits.ts";
import { batches, encodeMessage, type RosterMessage, readMessages } from "./roster-messages.ts";
import { Outbox, type Outgoing } from "./roster-outbox.ts";

/** Comparing costs time even when nothing differs; in records sent. */
const summaryCost = 100;

export interface ConversationOptions {
  readonly channel: MeshChannel;
  readonly ledger: RosterLedger;
  readonly digests: RosterDigests;
  readonly clock: Clock;
  readonly log: Log;
  readonly budget: PeerBudget;
  /** Called once, when the peer has sent everything that this node lacked at the beginning. */
  onSettled(): void;
}

export class RosterConversation {
  readonly #options: ConversationOptions;
  readonly #outbox = new Outbox();
  readonly #ended = new AbortController();
  #summary = new Summary();
  #heardAtMs: number;
  #settled = false;
  #verifiedCount = 0;
  #cancelTimer = () => {};

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#heardAtMs = options.clock.monotonicMs();
  }

  /**
   * Until the channel ends, which it then has.
   *
   * @throws OperoneError what the peer did wrong, or whatever broke the channel
   */
  async run(): Promise<void> {
    const { channel } = this.#options;
    const breaks = () => this.end(new OperoneError("unavailable", "The connection to the peer broke"));
    channel.broken.addEventListener("abort", breaks, { once: true });
    this.#compareAgain();
    const writing = this.#write().catch((error) => this.end(error));
    try {
      await this.#read();
    } catch (error) {
      this.end(error);
    } finally {
      // After a clean end of the peer; otherwise the reason is known already.
      this.end(undefined);
      channel.reset();
      await writing;
    }
    if (this.#ended.signal.reason instanceof Error) throw this.#ended.signal.reason;
  }

  /** Tells the peer what became known, unless it came from there. */
  tell({ entries, facts, source }: LedgerChange): void {
    if (source === this) return;
    if (entries.length > 0) this.#put({ type: "entries", entries });
    if (facts.length > 0) this.#put({ type: "facts", facts });
  }

  /** Gives up the channel. The first reason is the one that `run` throws. */
  end(reason: unknown): void {
    if (this.#ended.signal.aborted) return;
    this.#cancelTimer();
    this.#ended.abort(reason ?? "The peer closed the channel");
    this.#options.channel.reset();
  }

  #put(item: Outgoing): void {
    try {
      this.#outbox.put(item);
    } catch (error) {
      this.end(error);
    }
  }

  #compareAgain(): void {
    const { clock } = this.#options;
    const silentMs = clock.monotonicMs() - this.#heardAtMs;
    if (silentMs > rosterLimits.silenceMsMax)
      this.end(new OperoneError("deadline", `The peer has said nothing for ${silentMs} ms`));
    if (this.#ended.signal.aborted) return;
    if (!this.#outbox.has("summary")) this.#put({ type: "summary" });
    this.#cancelTimer = clock.after(rosterLimits.summaryEveryMs, () => this.#compareAgain());
  }

  async #write(): Promise<void> {
    const { signal } = this.#ended;
    for (
      let item = await this.#outbox.take(signal);
      item !== undefined;
      item = await this.#outbox.take(signal)
    ) {
      for (const message of this.#messagesOf(item)) {
        if (signal.aborted) return;
        await this.#send(encodeMessage(message));
      }
    }
  }

  async #send(frame: Uint8Array): Promise<void> {
    const { channel, clock } = this.#options;
    const sending = channel.send(frame);
    if (await withLimit(sending, rosterLimits.sendTimeoutMs, clock)) return sending;
    sending.catch(() => {});
    throw new OperoneError("deadline", `The peer took no bytes for ${rosterLimits.sendTimeoutMs} ms`);
  }

  #messagesOf(item: Outgoing): Iterable<RosterMessage> {
    const { ledger, digests } = this.#options;
    if (item.type === "summary") return summaryPages(ledger, digests);
    if (item.type === "entries") return batches("entries", item.entries);
    if (item.type === "facts") return batches("facts", item.facts);
    if (item.type === "have") return havePages(ledger.roster.index, item.issuer);
    return item.type === "want" ? [{ type: "want", hashes: [...item.hashes] }] : [{ type: "done" }];
  }

  async #read(): Promise<void> {
    const { channel, budget, clock } = this.#options;
    for await (const { message, bytes } of readMessages(channel.chunks)) {
      if (this.#ended.signal.aborted) return;
      this.#heardAtMs = clock.monotonicMs();
      budget.spend("kibibytes", Math.ceil(bytes / 1_024));
      await this.#hear(message);
    }
  }

  async #hear(message: RosterMessage): Promise<void> {
    const { ledger, budget } = this.#options;
    if (message.type === "summary") {
      this.#summary.add(message);
      if (message.last) this.#answerSummary();
    } else if (message.type === "have") this.#answerHave(message);
    else if (message.type === "want") {
      const entries = message.hashes.flatMap((hash) => ledger.roster.index.get(hash) ?? []);
      budget.spend("answers", entries.length);
      this.#put({ type: "entries", entries });
    } else if (message.type === "done") this.#settle();
    else
      await this.#accept(
        message.type,
        message.envelopes.map((text) => Uint8Array.fromBase64(text)),
      );
  }

  async #accept(type: "entries" | "facts", envelopes: readonly Uint8Array[]): Promise<void> {
    const { ledger, budget } = this.#options;
    let cost: Acceptance;
    try {
      cost = await (type === "entries"
        ? ledger.acceptEntries(envelopes, this)
        : ledger.acceptFacts(envelopes, this));
    } catch (error) {
      if (!isOwnFailure(error)) throw error;
      // A full disk here is not the peer's fault, and the next comparison brings the same again.
      this.#options.log.error("What a peer told of the roster could not be stored", { error: error.message });
      return;
    }
    budget.spend("signatures", cost.verifiedCount);
    budget.spend("useless", cost.uselessCount);
    this.#verifiedCount += cost.verifiedCount;
    if (this.#verifiedCount >= rosterLimits.verifiedPerTurnMax) await this.#turn();
  }

  /** Frames that have arrived already would otherwise keep everything else waiting for seconds. */
  #turn(): Promise<void> {
    this.#verifiedCount = 0;
    return new Promise((resolve) => {
      this.#options.clock.after(0, resolve);
    });
  }

  #answerSummary(): void {
    const { ledger, digests, budget } = this.#options;
    const { entries, facts, unequal } = differenceTo(this.#summary, ledger, digests);
    this.#summary = new Summary();
    budget.spend("answers", summaryCost + entries.length + facts.length);
    if (entries.length > 0) this.#put({ type: "entries", entries });
    if (facts.length > 0) this.#put({ type: "facts", facts });
    for (const issuer of unequal) this.#put({ type: "have", issuer });
    this.#put({ type: "done" });
  }

  #answerHave(have: Have): void {
    const { entries, wanted } = answerTo(have, this.#options.ledger.roster);
    this.#options.budget.spend("answers", 1 + entries.length);
    if (entries.length > 0) this.#put({ type: "entries", entries });
    if (wanted.length > 0) this.#put({ type: "want", hashes: wanted });
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#options.onSettled();
  }
}

function isOwnFailure(error: unknown): error is OperoneError {
  return error instanceof OperoneError && error.code === "unavailable";
}
