/** Finds a peer: all its addresses side by side, and the first over which it answers wins. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { LinkTable } from "./link-table.ts";
import { deadline } from "./time-limit.ts";
import type { Link } from "./transport.ts";
import type { TransportLimits } from "./transport-limits.ts";

/** One encrypted connection that may still be refused. */
export interface Attempt {
  /** Undefined when it was refused here. */
  readonly link: Link | undefined;
  /** A round trip that the peer answers only when it has let this node in. */
  confirm(signal: AbortSignal): Promise<void>;
}

export interface DiallerInput {
  /** This node. */
  readonly peerId: string;
  readonly table: LinkTable;
  readonly clock: Clock;
  readonly limits: TransportLimits;
  /** Connects, and proves that it is this peer. */
  connect(peerId: string, address: string, signal: AbortSignal): Promise<Attempt>;
}

export class Dialler {
  readonly #use: DiallerInput;
  readonly #running = new Map<string, Promise<Link>>();
  readonly #stopped = new AbortController();

  constructor(use: DiallerInput) {
    this.#use = use;
  }

  /** As `dial` of a transport. */
  async dial(peerId: string, addresses: readonly string[], signal: AbortSignal): Promise<Link> {
    if (peerId === this.#use.peerId) {
      throw new OperoneError("invalid_input", `${peerId} is this node itself; name another one`);
    }
    if (this.#use.table.admission(peerId) === "refused") {
      throw new OperoneError("forbidden", `${peerId} is not a member here; let it join before it is dialled`);
    }
    const both = AbortSignal.any([signal, this.#stopped.signal]);
    for (;;) {
      if (both.aborted) throw cancelled(peerId);
      const open = this.#use.table.links().find((link) => link.peerId === peerId && !link.closed.aborted);
      if (open !== undefined) return open;
      const running = this.#running.get(peerId);
      if (running === undefined) break;
      // Another caller is at it, perhaps with other addresses: a second connection helps nobody when it succeeds.
      await orAborted(running, both);
    }
    const dialling = this.#try(peerId, [...new Set(addresses)], both);
    this.#running.set(peerId, dialling);
    return dialling.finally(() => this.#running.delete(peerId));
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #try(peerId: string, addresses: readonly string[], signal: AbortSignal): Promise<Link> {
    const { limits } = this.#use;
    const waiting = addresses.slice(0, limits.addressesPerDialMax);
    const found = new AbortController();
    const either = AbortSignal.any([signal, found.signal]);
    const failures: OperoneError[] = [];
    let winner: Link | undefined;
    const work = async () => {
      for (let address = waiting.shift(); address !== undefined; address = waiting.shift()) {
        if (either.aborted) return;
        const result = await this.#one(peerId, address, either);
        if (result instanceof OperoneError) failures.push(result);
        else if (winner === undefined) {
          winner = result;
          found.abort();
        } else result.close();
      }
    };
    await Promise.all(Array.from({ length: limits.parallelDialsMax }, work));
    if (winner !== undefined) {
      this.#use.table.answer(winner);
      return winner;
    }
    throw signal.aborted ? cancelled(peerId) : failure(peerId, addresses, failures);
  }

  async #one(peerId: string, address: string, signal: AbortSignal): Promise<Link | OperoneError> {
    const limit = deadline(this.#use.clock, this.#use.limits.dialTimeoutMs, signal);
    // A socket keeps the signal that it was connected with, and would be destroyed by it for the rest of its life.
    const attempt = new AbortController();
    const giveUp = () => attempt.abort(limit.signal.reason);
    limit.signal.addEventListener("abort", giveUp, { once: true });
    let link: Link | undefined;
    let connected = false;
    try {
      const connection = await this.#use.connect(peerId, address, attempt.signal);
      connected = true;
      link = connection.link;
      await connection.confirm(attempt.signal);
      if (link === undefined || link.closed.aborted) throw new Error("It was closed at once");
      return link;
    } catch (error) {
      link?.close();
      const why = error instanceof Error ? error.message : String(error);
      if (attempt.signal.aborted) return new OperoneError("unavailable", `${address} did not answer in time`);
      return connected || (error instanceof OperoneError && error.code === "forbidden")
        ? new OperoneError("forbidden", `${address} closed the connection at once (${why})`)
        : new OperoneError("unavailable", `${address}: ${reasonOf(why)}`);
    } finally {
      limit.signal.removeEventListener("abort", giveUp);
      limit.done();
    }
  }
}

/** Bun calls every failed connect of a socket refused, also where the system said that no way leads there. */
function reasonOf(why: string): string {
  return why.includes("ECONNREFUSED") ? "nothing listens there, or no network leads there" : why;
}

/** Resolves when the work is over, however it ended, or the signal aborts. */
function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener("abort", done);
      resolve();
    };
    signal.addEventListener("abort", done, { once: true });
    work.then(done, done);
  });
}

function cancelled(peerId: string): OperoneError {
  return new OperoneError("cancelled", `Dialling ${peerId} was given up`);
}

function failure(
  peerId: string,
  addresses: readonly string[],
  failures: readonly OperoneError[],
): OperoneError {
  if (addresses.length === 0) {
    return new OperoneError(
      "unavailable",
      `${peerId} cannot be dialled: none of its addresses is known here`,
    );
  }
  if (failures.some(({ code }) => code === "forbidden")) {
    return new OperoneError(
      "forbidden",
      `${peerId} closed the connection right after the handshake: it does not know this node. Let this node join its mesh`,
    );
  }
  const reasons = failures.map(({ message }) => message).join("; ");
  return new OperoneError(
    "unavailable",
    `${peerId} does not answer at ${addresses.length} of its addresses: ${reasons}. Does it run, is its port open, and is this machine in a network that leads there?`,
  );
}
