import type { Connection } from "@libp2p/interface";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { Carrier } from "./link-table.ts";
import { StreamChannel } from "./stream-channel.ts";
import { deadline } from "./time-limit.ts";
import type { Protocol } from "./transport.ts";
import type { TransportLimits } from "./transport-limits.ts";

/** Nobody handles it: whoever says so has let this node in. */
const unknownProtocol = "/operone/hello/1";
const closeTimeoutMs = 1_000;

/** A libp2p connection, as the table of links sees it. */
export function carrierOf(connection: Connection, clock: Clock, limits: TransportLimits): Carrier {
  const closed = new AbortController();
  connection.addEventListener("close", () => closed.abort());
  if (connection.status !== "open") closed.abort();
  return {
    peerId: connection.remotePeer.toString(),
    remoteAddress: connection.remoteAddr.toString().replace(/\/p2p\/.*$/, ""),
    direction: connection.direction === "inbound" ? "in" : "out",
    encryption: connection.encryption === "/noise" ? "noise" : "tls",
    closed: closed.signal,
    open: (protocol, signal) => openChannel(connection, protocol, signal, clock, limits),
    end: (reason) => endConnection(connection, reason),
  };
}

async function openChannel(
  connection: Connection,
  protocol: Protocol,
  signal: AbortSignal,
  clock: Clock,
  limits: TransportLimits,
): Promise<StreamChannel> {
  const limit = deadline(clock, limits.negotiationTimeoutMs, signal);
  const peerId = connection.remotePeer.toString();
  try {
    const maxOutboundStreams = limits.streamsPerConnectionMax;
    return new StreamChannel(
      await connection.newStream(protocol, { signal: limit.signal, maxOutboundStreams }),
    );
  } catch (error) {
    if (signal.aborted)
      throw new OperoneError("cancelled", `Opening "${protocol}" to ${peerId} was given up`);
    const why = isUnsupported(error) ? "the peer does not offer it to this node" : reasonOf(error);
    throw new OperoneError("unavailable", `"${protocol}" cannot be opened to ${peerId}: ${why}`);
  } finally {
    limit.done();
  }
}

/** Resolves when the peer has answered over the connection. */
export async function confirm(connection: Connection, signal: AbortSignal): Promise<void> {
  try {
    const stream = await connection.newStream(unknownProtocol, { signal });
    stream.abort(new Error("The answer was all that was wanted"));
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
}

/**
 * The streams are reset first: the library would close them, and the other side would take what it has for the whole.
 * Then the connection is closed, not cut, so that it hears of that.
 */
async function endConnection(connection: Connection, reason: Error): Promise<void> {
  for (const stream of [...connection.streams]) stream.abort(reason);
  // Bun's TLS socket over another stream gives up what was written in the turn in which it is closed.
  await new Promise((resolve) => setImmediate(resolve));
  await connection
    .close({ signal: AbortSignal.timeout(closeTimeoutMs) })
    .catch(() => connection.abort(reason));
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === "UnsupportedProtocolError";
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
