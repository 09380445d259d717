/**
 * A network in memory for simulations. Time is the clock's, and nothing is left to chance: what is cut, parted and
 * delayed is said by the test.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Log } from "../../src/kernel/ports.ts";
import { type Attempt, Dialler } from "./dialler.ts";
import { type Carrier, type CountedChannel, LinkTable } from "./link-table.ts";
import { type Way, wayChannels } from "./memory-pipe.ts";
import { deadline } from "./time-limit.ts";
import type { Link, NodeKey, Protocol, Transport, TransportOptions } from "./transport.ts";
import { type TransportLimits, transportLimits } from "./transport-limits.ts";

export interface MemoryTransportOptions extends TransportOptions {
  readonly limits?: Partial<TransportLimits>;
}

export interface MemoryNetworkInput {
  readonly clock: Clock;
  readonly log: Log;
}

/** One node's side of the network. */
interface Station {
  readonly peerId: string;
  readonly address: string;
  readonly table: LinkTable;
  readonly limits: TransportLimits;
  /** Of the connections, by the carrier at this side. */
  readonly connections: Set<Connection>;
}

export class MemoryNetwork {
  readonly #use: MemoryNetworkInput;
  readonly #stations = new Map<string, Station>();
  readonly #blocked = new Set<string>();
  readonly #latencies = new Map<string, number>();
  #latencyMs = 0;
  #nodes = 0;
  #changed = Promise.withResolvers<void>();

  constructor(use: MemoryNetworkInput) {
    this.#use = use;
  }

  /** A node that listens at an address of its own, `/ip4/10.0.0.1/tcp/6738` and so on. */
  transport(key: NodeKey, options: MemoryTransportOptions): Transport {
    const limits = { ...transportLimits, ...options.limits };
    const table = new LinkTable({ ...this.#use, ...options, limits });
    const { peerId } = key;
    this.#nodes++;
    const address = `/ip4/10.0.${this.#nodes >> 8}.${this.#nodes & 0xff}/tcp/6738`;
    const station: Station = { peerId, address, table, limits, connections: new Set() };
    this.#stations.set(address, station);
    const dialler = new Dialler({
      peerId,
      table,
      clock: this.#use.clock,
      limits,
      connect: (to, where, signal) => this.#connect(station, to, where, signal),
    });
    return {
      peerId,
      addresses: () => (this.#stations.get(address) === station ? [address] : []),
      handle: (protocol, handler) => table.handle(protocol, handler),
      dial: (to, addresses, signal) => dialler.dial(to, addresses, signal),
      links: () => table.links(),
      readmit: (of) => table.readmit(of),
      prolong: (of, stayMs) => table.prolong(of, stayMs),
      hangUp: (of) => table.hangUp(of),
      stop: async () => {
        this.#stations.delete(address);
        dialler.stop();
        await table.endAll();
      },
    };
  }

  /** What is sent from now on takes so long, one way; between two peers, or everywhere. */
  delay(latencyMs: number, between?: readonly [peerId: string, peerId: string]): void {
    if (between === undefined) this.#latencyMs = latencyMs;
    else this.#latencies.set(pair(...between), latencyMs);
  }

  /** Ends the connections of two peers, as a reset by a router would. */
  cut(a: string, b: string): void {
    const stations = [...this.#stations.values()].filter(({ peerId }) => peerId === a || peerId === b);
    for (const { connections } of stations) {
      for (const connection of connections) if (connection.joins(a, b)) connection.end();
    }
  }

  /** Nothing passes between the two sides: connections fall silent, and end when nobody answered in time. */
  part(side: readonly string[], other: readonly string[]): void {
    for (const a of side) for (const b of other) this.#blocked.add(pair(a, b));
    this.#change();
  }

  heal(): void {
    this.#blocked.clear();
    this.#change();
  }

  async #connect(from: Station, to: string, where: string, signal: AbortSignal): Promise<Attempt> {
    const way = this.#way(from.peerId, to);
    await travel(this.#use.clock, way, signal);
    const target = this.#stations.get(where);
    if (target === undefined) throw new Error("Connection refused");
    if (target.peerId !== to) throw new Error("Another peer is there");
    const connection = new Connection(from, target, this.#use.clock, way);
    const link = connection.open();
    return { link, confirm: () => travel(this.#use.clock, way, signal) };
  }

  #way(a: string, b: string): Way {
    const key = pair(a, b);
    return {
      latencyMs: () => this.#latencies.get(key) ?? this.#latencyMs,
      blocked: () => this.#blocked.has(key),
      changed: () => this.#changed.promise,
    };
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

class Connection {
  readonly #from: Station;
  readonly #to: Station;
  readonly #clock: Clock;
  readonly #way: Way;
  readonly #closed = new AbortController();
  #links: readonly [Link | undefined, Link | undefined] = [undefined, undefined];
  #cancelWatch = () => {};

  constructor(from: Station, to: Station, clock: Clock, way: Way) {
    this.#from = from;
    this.#to = to;
    this.#clock = clock;
    this.#way = way;
  }

  /** @returns the dialling side's link */
  open(): Link | undefined {
    const out = this.#from.table.add(this.#carrier(this.#from, this.#to, "out"));
    const into = this.#to.table.add(this.#carrier(this.#to, this.#from, "in"));
    this.#links = [out, into];
    if (this.#closed.signal.aborted) return out;
    for (const { connections } of [this.#from, this.#to]) {
      connections.add(this);
      this.#closed.signal.addEventListener("abort", () => connections.delete(this), { once: true });
    }
    this.#closed.signal.addEventListener("abort", () => this.#cancelWatch(), { once: true });
    this.#watch();
    return out;
  }

  joins(a: string, b: string): boolean {
    return pair(this.#from.peerId, this.#to.peerId) === pair(a, b);
  }

  end(): void {
    this.#closed.abort();
  }

  #carrier(mine: Station, other: Station, direction: "in" | "out"): Carrier {
    return {
      peerId: other.peerId,
      remoteAddress: other.address,
      direction,
      encryption: "tls",
      closed: this.#closed.signal,
      open: (protocol, signal) => this.#channel(mine, other, protocol, signal),
      end: async () => this.end(),
    };
  }

  async #channel(
    mine: Station,
    other: Station,
    protocol: Protocol,
    signal: AbortSignal,
  ): Promise<CountedChannel> {
    const limit = deadline(this.#clock, mine.limits.negotiationTimeoutMs, signal);
    try {
      await travel(this.#clock, this.#way, AbortSignal.any([limit.signal, this.#closed.signal]));
      if (!other.table.allowed(mine.peerId).includes(protocol)) throw new Error("the peer does not offer it");
      const link = this.#links[other === this.#from ? 0 : 1];
      const [here, there] = wayChannels(this.#clock, this.#way, this.#closed.signal);
      if (link === undefined) throw new Error("the connection is closed");
      other.table.accept(link, protocol, there);
      return here;
    } catch (error) {
      if (signal.aborted) throw new OperoneError("cancelled", `Opening "${protocol}" was given up`);
      const why = error instanceof Error ? error.message : String(error);
      throw new OperoneError("unavailable", `"${protocol}" cannot be opened to ${other.peerId}: ${why}`);
    } finally {
      limit.done();
    }
  }

  /** As the real transport: a question, and an end when nothing comes back. */
  #watch(): void {
    const { keepaliveMs, answerTimeoutMs } = this.#from.limits;
    this.#cancelWatch = this.#clock.after(keepaliveMs, async () => {
      const limit = deadline(this.#clock, answerTimeoutMs, this.#closed.signal);
      try {
        await travel(this.#clock, this.#way, limit.signal);
        await travel(this.#clock, this.#way, limit.signal);
        this.#watch();
      } catch {
        this.end();
      } finally {
        limit.done();
      }
    });
  }
}

/** One way across. @throws when the signal aborts first */
function travel(clock: Clock, way: Way, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = () => {
      cancel();
      reject(new Error("there was no answer"));
    };
    const arrive = async () => {
      while (way.blocked() && !signal.aborted) await way.changed();
      signal.removeEventListener("abort", give);
      if (!signal.aborted) resolve();
    };
    const latencyMs = way.latencyMs();
    let cancel = () => {};
    if (signal.aborted) return give();
    signal.addEventListener("abort", give, { once: true });
    if (latencyMs > 0) cancel = clock.after(latencyMs, () => void arrive());
    else void arrive();
  });
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
