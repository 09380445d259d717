/** Enrolments that wait: those of other machines for a person here, and this node's own for the other side. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Random } from "../../src/kernel/ports.ts";
import type { RoleName } from "../access/contract.ts";

const pendingMax = 16;
/** A failed enrolment of this node is shown for so long. */
const failureShownMs = 60 * 60_000;
const idBytes = 4;
/** Peers whose id is kept after their connection broke. */
const rememberedMax = 64;

export interface PendingEnrolment {
  readonly id: string;
  /** `in`: another machine asks, and `confirm` or `reject` answers it. `out`: this node asks. */
  readonly direction: "in" | "out";
  /** Of the other side. */
  readonly peerId: string;
  /** What the other side calls itself; unknown of an inviter. */
  readonly name?: string;
  /** Multiaddr of the other end, once there is a connection. */
  readonly address?: string;
  readonly role: RoleName;
  /** Known on both sides once the code is proven. */
  readonly words: readonly string[];
  readonly ageMs: number;
  /** Why it waits, or why it failed last. */
  readonly reason: string;
  /** Since when that is the reason. */
  readonly reasonAgeMs: number;
  /** False for a failed one, which is only shown. */
  readonly active: boolean;
}

interface Entry {
  readonly id: string;
  readonly direction: "in" | "out";
  readonly peerId: string;
  readonly role: RoleName;
  readonly sinceMs: number;
  name: string | undefined;
  address: string | undefined;
  words: readonly string[];
  reason: string;
  reasonSinceMs: number;
  active: boolean;
  confirm(): void;
  reject(): void;
}

export type EntryDraft = Pick<Entry, "direction" | "peerId" | "role" | "reason" | "reject"> &
  Partial<Pick<Entry, "name" | "address" | "words" | "confirm">> & {
    /** Instead of the reason, when the same peer asked before. */
    readonly reasonAgain?: string;
  };

/** What the one who waits may change. */
export interface PendingHandle {
  readonly id: string;
  change(facts: Partial<Pick<Entry, "address" | "words" | "reason">>): void;
  /** Keeps it in the list for an hour, with the reason. */
  fail(reason: string): void;
  remove(): void;
}

export class PendingEnrolments {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #entries = new Map<string, Entry>();
  /** Ids by direction and peer: a person has read one, and the peer may come again with another connection. */
  readonly #ids = new Map<string, string>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether one more would find room. */
  get full(): boolean {
    this.#sweep();
    return [...this.#entries.values()].filter(({ active }) => active).length >= pendingMax;
  }

  /** Takes the place of what the same peer had here, and its id. @throws OperoneError `limited` */
  add(draft: EntryDraft): PendingHandle {
    for (const { id, peerId, direction } of this.#entries.values()) {
      if (peerId === draft.peerId && direction === draft.direction) this.#entries.delete(id);
    }
    if (this.full)
      throw new OperoneError(
        "limited",
        `${pendingMax} enrolments wait already, which is the most; confirm or reject one`,
      );
    this.#makeRoom();
    const nowMs = this.#clock.monotonicMs();
    const { reasonAgain, ...facts } = draft;
    const [id, isAgain] = this.#idFor(draft);
    const entry: Entry = {
      name: undefined,
      address: undefined,
      words: [],
      confirm: () => {},
      ...facts,
      reason: isAgain && reasonAgain !== undefined ? reasonAgain : draft.reason,
      id,
      sinceMs: nowMs,
      reasonSinceMs: nowMs,
      active: true,
    };
    this.#entries.set(id, entry);
    return {
      id,
      change: (facts) => {
        if (facts.reason !== undefined) entry.reasonSinceMs = this.#clock.monotonicMs();
        Object.assign(entry, facts);
      },
      fail: (reason) => {
        Object.assign(entry, { reason, reasonSinceMs: this.#clock.monotonicMs(), active: false });
      },
      // A newer one of the same peer has this id too.
      remove: () => {
        if (this.#entries.get(id) === entry) this.#entries.delete(id);
      },
    };
  }

  /** Oldest first. */
  list(): readonly PendingEnrolment[] {
    this.#sweep();
    const nowMs = this.#clock.monotonicMs();
    return [...this.#entries.values()].map((entry) => viewOf(entry, nowMs));
  }

  /** @throws OperoneError `not_found`, or `conflict` for one that waits for the other side */
  confirm(id: string): PendingEnrolment {
    const entry = this.#find(id);
    if (entry.direction === "out")
      throw new OperoneError(
        "conflict",
        `The enrolment "${id}" is this machine's own; it is confirmed on the inviting machine, ${entry.peerId}`,
      );
    this.#forget(entry);
    entry.confirm();
    return viewOf(entry, this.#clock.monotonicMs());
  }

  /** Also gives up an enrolment of this node, and clears a failed one. @throws OperoneError `not_found` */
  reject(id: string): PendingEnrolment {
    const entry = this.#find(id);
    this.#forget(entry);
    if (entry.active) entry.reject();
    return viewOf(entry, this.#clock.monotonicMs());
  }

  #idFor({ direction, peerId }: EntryDraft): readonly [id: string, isAgain: boolean] {
    const key = `${direction} ${peerId}`;
    const known = this.#ids.get(key);
    const id = known ?? Buffer.from(this.#random.bytes(idBytes)).toString("hex");
    this.#ids.delete(key);
    this.#ids.set(key, id);
    const [oldest] = this.#ids.keys();
    if (this.#ids.size > rememberedMax && oldest !== undefined) this.#ids.delete(oldest);
    return [id, known !== undefined];
  }

  /** A person has answered it, so the next one of the peer is another. */
  #forget({ id, direction, peerId }: Entry): void {
    this.#entries.delete(id);
    this.#ids.delete(`${direction} ${peerId}`);
  }

  #find(id: string): Entry {
    this.#sweep();
    const entry = this.#entries.get(id);
    if (entry !== undefined) return entry;
    throw new OperoneError(
      "not_found",
      `No enrolment "${id}" waits; it may have expired, or the other side left`,
    );
  }

  #sweep(): void {
    const oldestMs = this.#clock.monotonicMs() - failureShownMs;
    for (const { id, active, reasonSinceMs } of this.#entries.values()) {
      if (!active && reasonSinceMs <= oldestMs) this.#entries.delete(id);
    }
  }

  /** Failed ones are only shown, so the oldest of them make way. */
  #makeRoom(): void {
    for (const { id, active } of this.#entries.values()) {
      if (this.#entries.size < pendingMax) return;
      if (!active) this.#entries.delete(id);
    }
  }
}

function viewOf(entry: Entry, nowMs: number): PendingEnrolment {
  const { id, direction, peerId, name, address, role, words, reason, active } = entry;
  return {
    id,
    direction,
    peerId,
    ...(name === undefined ? {} : { name }),
    ...(address === undefined ? {} : { address }),
    role,
    words,
    ageMs: nowMs - entry.sinceMs,
    reason,
    reasonAgeMs: nowMs - entry.reasonSinceMs,
    active,
  };
}
