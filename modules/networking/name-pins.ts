/**
 * Whose name a name is. Nodes name themselves, so a name alone proves nothing: the first node that is known by one
 * keeps it on this node, also after it was renamed or removed, until the owner here says otherwise by a peer id.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import { findNode, type Named } from "./lookup.ts";
import type { NamePinStore } from "./name-pin-store.ts";

/** Names that one node can take by telling them. Any later one is its own only when somebody has called it so. */
const heardMax = 8;
const pinsMax = 10_000;

export class NamePins {
  readonly #store: Pick<NamePinStore, "write">;
  readonly #pins: Map<string, string>;

  constructor(store: Pick<NamePinStore, "read" | "write">) {
    this.#store = store;
    this.#pins = new Map(store.read());
  }

  /** A node says that it is called so. */
  heard(name: string, peerId: string): void {
    if (this.#pins.has(name)) return;
    const own = [...this.#pins.values()].filter((peer) => peer === peerId).length;
    if (own < heardMax) this.#pin(name, peerId);
  }

  /** Whether the name is that node's; nobody's name becomes its own by this. */
  isOwn(name: string, peerId: string): boolean {
    const pinned = this.#pins.get(name);
    if (pinned === undefined) this.#pin(name, peerId);
    return (pinned ?? this.#pins.get(name)) === peerId;
  }

  /** Every name that is the node's. */
  namesOf(peerId: string): readonly string[] {
    return [...this.#pins].flatMap(([name, peer]) => (peer === peerId ? [name] : []));
  }

  /** The owner of this node named it by its peer id: what it is called now is its name. */
  accept(name: string, peerId: string): void {
    if (this.#pins.get(name) !== peerId) this.#pin(name, peerId, true);
  }

  /**
   * The node with the name or peer id.
   *
   * @throws OperoneError as `findNode`; `conflict` for a name that belonged to another node
   */
  find<T extends Named>(nodes: readonly T[], ref: string): T {
    const found = findNode(nodes, ref);
    if (found.peerId === ref || this.isOwn(ref, found.peerId)) return found;
    const before = this.#pins.get(ref);
    if (before === undefined) return found;
    throw new OperoneError(
      "conflict",
      `"${ref}" was the name of the node ${before}, and now ${found.peerId} calls itself so. Name the one that you mean by its id; if the new one is right, "operone allow ROLE ${found.peerId}" or "operone role ${found.peerId} ROLE" gives it the name`,
      { peerIds: [before, found.peerId] },
    );
  }

  #pin(name: string, peerId: string, always = false): void {
    if (!always && this.#pins.size >= pinsMax) return;
    this.#store.write(name, peerId);
    this.#pins.set(name, peerId);
  }
}
