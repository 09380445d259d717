/** What a peer may cost this node: a token bucket for each kind of cost. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { rosterBudgets } from "./roster-limits.ts";

export type Cost = keyof typeof rosterBudgets;

export class PeerBudget {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #left = new Map<Cost, { tokens: number; atMs: number }>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** @throws OperoneError `limited` when the peer has cost more than it may */
  spend(cost: Cost, count: number): void {
    const { capacity, perSecond } = rosterBudgets[cost];
    const nowMs = this.#clock.monotonicMs();
    const { tokens, atMs } = this.#left.get(cost) ?? { tokens: capacity, atMs: nowMs };
    const left = Math.min(capacity, tokens + ((nowMs - atMs) / 1_000) * perSecond) - count;
    this.#left.set(cost, { tokens: Math.max(0, left), atMs: nowMs });
    if (left >= 0) return;
    throw new OperoneError(
      "limited",
      `The peer used up its ${cost}: ${capacity} at once and ${perSecond} a second are allowed`,
    );
  }
}

/** Outlives a peer's links, so that coming back buys nothing. The peer that came first is forgotten first. */
export class PeerBudgets {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #peersMax: number;
  readonly #byPeer = new Map<string, PeerBudget>();

  constructor(clock: Pick<Clock, "monotonicMs">, peersMax: number) {
    this.#clock = clock;
    this.#peersMax = peersMax;
  }

  of(peerId: string): PeerBudget {
    const budget = this.#byPeer.get(peerId) ?? new PeerBudget(this.#clock);
    this.#byPeer.set(peerId, budget);
    const [oldest] = this.#byPeer.keys();
    if (this.#byPeer.size > this.#peersMax && oldest !== undefined) this.#byPeer.delete(oldest);
    return budget;
  }
}
