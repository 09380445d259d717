/** Refuses connections as early as it can be known: by the host before the handshake, by the peer right after it. */
import type { ConnectionGater, MultiaddrConnection } from "@libp2p/interface";
import { AbstractMultiaddrConnection } from "@libp2p/utils";
import type { Log } from "../../src/kernel/ports.ts";
import type { LinkTable } from "./link-table.ts";
import type { TransportLimits } from "./transport-limits.ts";

export function gater(table: LinkTable, limits: TransportLimits, log: Log): ConnectionGater {
  const handshakes = new Handshakes(limits);
  const denied = (peerId: string, connection: MultiaddrConnection): boolean => {
    if (table.mayConnect(peerId)) return false;
    log.debug("A peer was refused after the handshake", { peerId, from: connection.remoteAddr.toString() });
    return true;
  };
  return {
    denyInboundConnection: (connection) => !handshakes.begin(connection),
    denyInboundEncryptedConnection(peerId, connection) {
      handshakes.end(connection);
      return denied(peerId.toString(), connection);
    },
    denyOutboundEncryptedConnection: (peerId, connection) => denied(peerId.toString(), connection),
  };
}

/**
 * Counts the handshakes of each host, so that one that sends nothing cannot take all the places, and the bytes of each
 * handshake: the library would keep 4 MiB of anything.
 */
class Handshakes {
  readonly #limits: TransportLimits;
  readonly #byHost = new Map<string, Set<MultiaddrConnection>>();

  constructor(limits: TransportLimits) {
    this.#limits = limits;
  }

  begin(connection: MultiaddrConnection): boolean {
    const host = hostOf(connection);
    const mine = this.#byHost.get(host) ?? new Set();
    if (mine.size >= this.#limits.handshakesPerHostMax) return false;
    this.#byHost.set(host, mine.add(connection));
    connection.addEventListener("close", () => this.end(connection));
    this.#limitBytes(connection, mine);
    return true;
  }

  end(connection: MultiaddrConnection): void {
    const host = hostOf(connection);
    const mine = this.#byHost.get(host);
    mine?.delete(connection);
    if (mine?.size === 0) this.#byHost.delete(host);
  }

  /** A listener would not do: the library takes what a listener heard as delivered. */
  #limitBytes(connection: MultiaddrConnection, pending: ReadonlySet<MultiaddrConnection>): void {
    if (!(connection instanceof AbstractMultiaddrConnection)) return;
    const deliver = connection.onData.bind(connection);
    let bytes = 0;
    connection.onData = (data) => {
      bytes += data.byteLength;
      if (!pending.has(connection)) connection.onData = deliver;
      else if (bytes > this.#limits.handshakeBytesMax) {
        connection.abort(
          new Error(`More than ${this.#limits.handshakeBytesMax} bytes came before the handshake was over`),
        );
        return;
      }
      deliver(data);
    };
  }
}

function hostOf({ remoteAddr }: MultiaddrConnection): string {
  return remoteAddr.getComponents()[0]?.value ?? "";
}
