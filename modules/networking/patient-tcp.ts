/**
 * The library's TCP with one change: a connection that is given up while it is being made does not throw into the
 * void. The library hands its signal to the socket and takes its own listener off the moment it aborts, so the
 * socket's error finds nobody and counts as uncaught. That happens with every dial whose peer answered over another
 * of its addresses first. (@libp2p/tcp 11.0.28, `TCP._connect`)
 */
import type { Socket } from "node:net";
import type { Transport } from "@libp2p/interface";
import { type TCPComponents, tcp } from "@libp2p/tcp";
import type { Multiaddr } from "@multiformats/multiaddr";

interface Connecting {
  _connect(
    address: Multiaddr,
    options: { readonly signal: AbortSignal; readonly timeout?: number },
  ): Promise<Socket>;
}

/** @param timeoutMs after which a connection that is still being made is given up by itself */
export function patientTcp(timeoutMs: number): (components: TCPComponents) => Transport {
  const make = tcp();
  return (components) => {
    const transport = make(components) as Transport & Partial<Connecting>;
    const connect = transport._connect?.bind(transport);
    if (connect === undefined) throw new Error("This version of @libp2p/tcp connects in another way");
    transport._connect = (address, options) =>
      givenUp(
        connect(address, { ...options, timeout: timeoutMs, signal: new AbortController().signal }),
        options.signal,
      );
    return transport;
  };
}

/** The socket, or the abort at once; a socket that comes later is closed. */
async function givenUp(connecting: Promise<Socket>, signal: AbortSignal): Promise<Socket> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (error) {
    connecting.then(
      (socket) => socket.destroy(),
      () => {},
    );
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    aborted.promise.catch(() => {});
  }
}
