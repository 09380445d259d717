/** What happens in the mesh, for whoever watches. A slow reader gets the newest of each node, never a queue without end. */
import type { Bell } from "../../src/kernel/bell.ts";
import { Feed } from "../../src/kernel/feed.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { RoleName } from "../access/contract.ts";

export type MeshEventKind =
  /** It is a member from now on. */
  | "joined"
  /** It is no member any more. */
  | "removed"
  /** A link to it is there. */
  | "connected"
  /** The last link to it has ended. */
  | "disconnected"
  | "role"
  | "renamed";

export interface MeshEvent {
  /** Unix time in milliseconds, by this node's clock. */
  readonly atMs: number;
  readonly event: MeshEventKind;
  readonly peerId: string;
  readonly name?: string | undefined;
  readonly role?: RoleName | undefined;
  /** Safety words, of a node that joined by an invite of this one. */
  readonly words?: readonly string[] | undefined;
}

const watchersMax = 64;

export class MeshEvents {
  readonly #feed = new Feed<MeshEvent>(watchersMax);
  readonly #clock: Clock;
  readonly #changes: Bell;

  /** @param changes rung with each of them */
  constructor(clock: Clock, changes: Bell) {
    this.#clock = clock;
    this.#changes = changes;
  }

  tell(event: Omit<MeshEvent, "atMs">): void {
    this.#feed.publish(`${event.peerId} ${event.event}`, { atMs: this.#clock.nowMs(), ...event });
    this.#changes.ring();
  }

  /** From now on, until `signal` aborts. @throws OperoneError `limited` */
  follow(signal: AbortSignal, sharedBy?: string): AsyncGenerator<MeshEvent> {
    return this.#feed.follow([], signal, sharedBy);
  }
}
