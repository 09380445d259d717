/**
 * Where a member may be, by what was heard on the local network. Nobody proved it: an address is worth an attempt, and
 * the handshake tells who is there.
 */
import type { Clock } from "../../src/kernel/ports.ts";

export const hintLimits = {
  addressesPerPeerMax: 8,
  /** Beyond it the peer that was heard of first is forgotten. */
  peersMax: 256,
  lifeMs: 10 * 60_000,
} as const;

interface Hint {
  readonly address: string;
  /** Who said so: the sender's IP address. */
  readonly source: string;
  readonly expiresAtMs: number;
}

export class AddressHints {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #byPeer = new Map<string, readonly Hint[]>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** Of these many peers something is kept. */
  get peers(): number {
    return this.#byPeer.size;
  }

  /** @returns whether one of the addresses was not known */
  add(peerId: string, addresses: readonly string[], source: string): boolean {
    const known = this.#living(peerId);
    const own = (address: string) => address.split("/")[2] === source;
    const all = [...new Set(addresses)];
    const told = [...all.filter(own), ...all.filter((address) => !own(address))].slice(
      0,
      hintLimits.addressesPerPeerMax,
    );
    if (told.length === 0) return false;
    const expiresAtMs = this.#clock.monotonicMs() + hintLimits.lifeMs;
    // An address belongs to the machine that has it, else to whoever named it first: a liar that repeats it cannot
    // make it its own, and have it dropped.
    const sources = new Map(known.map((hint) => [hint.address, hint.source]));
    const sourceOf = (address: string) => (own(address) ? source : (sources.get(address) ?? source));
    const fresh = told.map((address) => ({ address, source: sourceOf(address), expiresAtMs }));
    const rest = known.filter(({ address }) => !told.includes(address));
    this.#byPeer.delete(peerId);
    this.#byPeer.set(peerId, withinLimit([...fresh, ...rest]));
    const [oldest] = this.#byPeer.keys();
    if (this.#byPeer.size > hintLimits.peersMax && oldest !== undefined) this.#byPeer.delete(oldest);
    return told.some((address) => !sources.has(address));
  }

  /** Alternately with those that the peer itself signed, so that neither kind keeps the other waiting. */
  beside(peerId: string, signed: readonly string[]): readonly string[] {
    const heard = this.#living(peerId).map(({ address }) => address);
    if (heard.length === 0) return signed;
    const length = Math.max(heard.length, signed.length);
    const both = Array.from({ length }, (_, at) => [signed[at], heard[at]]).flat();
    return [...new Set(both)].filter((address) => address !== undefined);
  }

  #living(peerId: string): readonly Hint[] {
    const nowMs = this.#clock.monotonicMs();
    return (this.#byPeer.get(peerId) ?? []).filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }
}

/** Newest first. Drops the oldest of the source that fills most of it: a liar drives out its own lies, not the truth. */
function withinLimit(hints: readonly Hint[]): readonly Hint[] {
  const kept = [...hints];
  while (kept.length > hintLimits.addressesPerPeerMax) {
    const counts = new Map<string, number>();
    for (const { source } of kept) counts.set(source, (counts.get(source) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const at = kept.findLastIndex(({ source }) => counts.get(source) === most);
    kept.splice(at, 1);
  }
  return kept;
}
