/** A node in the tests of transports: whom it admits, and what happens to it, one thing after the other. */
import { nodeKeyOf } from "../../modules/networking/node-key.ts";
import type {
  Admission,
  Link,
  NodeKey,
  Protocol,
  Transport,
  TransportOptions,
} from "../../modules/networking/transport.ts";
import type { TransportLimits } from "../../modules/networking/transport-limits.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";

/** Never aborted. */
export const never = new AbortController().signal;

export function keyOf(seed: number): NodeKey {
  return nodeKeyOf(new Uint8Array(32).fill(seed));
}

/** Each `next` takes one, and waits for it when it must. */
class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];
  /** How many came in all. */
  count = 0;

  put(item: T): void {
    this.count++;
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter(item);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export interface Opened {
  readonly protocol: Protocol;
  readonly channel: MeshChannel;
  readonly link: Link;
}

export type MakeTransport = (
  key: NodeKey,
  options: TransportOptions & { readonly limits?: Partial<TransportLimits> },
) => Promise<Transport>;

export class Party {
  readonly admissions = new Map<string, Admission>();
  readonly announced = new Inbox<Link>();
  readonly opened = new Inbox<Opened>();
  readonly transport: Transport;

  private constructor(transport: Transport) {
    this.transport = transport;
  }

  static async start(
    make: MakeTransport,
    seed: number,
    limits: Partial<TransportLimits> = {},
  ): Promise<Party> {
    // The callbacks need the party, and the party the transport; nothing is called before the transport is used.
    let party: Party | undefined;
    const transport = await make(keyOf(seed), {
      limits,
      admit: (peerId) => party?.admissions.get(peerId) ?? "member",
      onLink: (link) => party?.announced.put(link),
    });
    party = new Party(transport);
    return party;
  }

  get peerId(): string {
    return this.transport.peerId;
  }

  handle(protocol: Protocol, channelsPerPeerMax = 8): void {
    const handle = (channel: MeshChannel, link: Link) => this.opened.put({ protocol, channel, link });
    this.transport.handle(protocol, { channelsPerPeerMax, handle });
  }

  dial(other: Party, signal: AbortSignal = never): Promise<Link> {
    return this.transport.dial(other.peerId, other.transport.addresses(), signal);
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

export async function bytesOf(channel: MeshChannel): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(channel.chunks));
}

/** What the promise was rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<{ code?: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("It did not fail");
}
