/** A network in memory on which everybody hears everybody, with the discovery of nodes on it. */
import { AddressHints } from "../../modules/networking/address-hints.ts";
import { Discovery, type DiscoveryUse } from "../../modules/networking/discovery.ts";
import type { MulticastListener, OpenMulticast } from "../../modules/networking/multicast.ts";
import { type SimulatedClock, simulatedLog, simulatedRandom } from "../../src/kernel/simulated.ts";

export class LocalNetwork {
  readonly #listeners = new Set<MulticastListener>();
  /** Everything that nodes said, oldest first. */
  readonly said: { readonly packet: Uint8Array; readonly source: string }[] = [];
  /** Why the port cannot be had now. */
  refusal: string | undefined;
  /** Whether the system carries what is sent. */
  carries = true;
  opened = 0;

  get open(): number {
    return this.#listeners.size;
  }

  /** To everybody, from whomever. */
  say(packet: Uint8Array, source: string): void {
    for (const listener of this.#listeners) listener.onPacket(packet, source);
  }

  /** All sockets end. */
  fail(reason: string): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener.onEnd(reason);
  }

  readonly join: OpenMulticast = async (listener) => {
    this.opened++;
    if (this.refusal !== undefined) throw new Error(this.refusal);
    this.#listeners.add(listener);
    return {
      send: async (packet, interfaces) => {
        const [source = ""] = interfaces;
        this.said.push({ packet, source });
        if (this.carries) this.say(packet, source);
        return [];
      },
      close: () => void this.#listeners.delete(listener),
    };
  };
}

export interface LocalNode {
  readonly discovery: Discovery;
  readonly hints: AddressHints;
  readonly log: ReturnType<typeof simulatedLog>;
  /** Attempts that a hint caused. */
  readonly attempts: { readonly peerId: string; readonly isNew: boolean }[];
  addresses: readonly string[];
  readonly away: Set<string>;
}

export function localNode(
  network: LocalNetwork,
  clock: SimulatedClock,
  node: { readonly peerId: string; readonly addresses: readonly string[]; readonly away: readonly string[] },
): LocalNode {
  const hints = new AddressHints(clock);
  const log = simulatedLog();
  const attempts: LocalNode["attempts"] = [];
  const away = new Set(node.away);
  const use: DiscoveryUse = {
    peerId: node.peerId,
    clock,
    random: simulatedRandom(node.peerId.charCodeAt(20)),
    log,
    hints,
    addresses: () => made.addresses,
    isAway: (peerId) => away.has(peerId),
    isAnybodyAway: () => away.size > 0,
    onHint: (peerId, isNew) => void attempts.push({ peerId, isNew }),
  };
  const discovery = new Discovery(use, network.join);
  const made: LocalNode = { discovery, hints, log, attempts, addresses: node.addresses, away };
  return made;
}
