/**
 * The multicast DNS group on this machine's networks. A socket of our own, because what libp2p's discovery is built on
 * (multicast-dns) joins each address once and for all, so that it is deaf after an interface went and came back, sends
 * by one interface alone, and never tries again when its port could not be had.
 */
import { createSocket, type Socket } from "node:dgram";

const group = "224.0.0.251";
const groupPort = 5353;
/** RFC 6762, section 11: whoever sees less knows that it came from another network. */
const hopsMax = 255;

export interface Multicast {
  /**
   * Sends by each of the interfaces with these IPv4 addresses, and listens there from now on. Never rejects.
   *
   * @returns why it did not work, for those where it did not
   */
  send(packet: Uint8Array, interfaces: readonly string[]): Promise<readonly string[]>;
  close(): void;
}

export interface MulticastListener {
  /** @param source IP address of the sender, which can be forged */
  onPacket(packet: Uint8Array, source: string): void;
  /** The socket is gone; to be opened again. */
  onEnd(reason: string): void;
}

/** Rejects when the port cannot be had. */
export type OpenMulticast = (listener: MulticastListener) => Promise<Multicast>;

/** @param port another than that of multicast DNS for tests; 0 takes a free one */
export async function openMulticast(listener: MulticastListener, port = groupPort): Promise<Multicast> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  const closed = { yet: false };
  const close = () => {
    if (closed.yet) return;
    closed.yet = true;
    socket.close();
  };
  await bind(socket, port).catch((error: unknown) => {
    close();
    throw error;
  });
  socket.on("message", (packet, { address }) => listener.onPacket(packet, address));
  socket.on("error", (error) => {
    if (closed.yet) return;
    close();
    listener.onEnd(error.message);
  });
  socket.unref();
  // One interface is chosen for the whole socket, so one send after the other.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    send(packet, interfaces) {
      const sent = turn.then(() => sendByAll(socket, packet, interfaces));
      turn = sent;
      return sent;
    },
    close,
  };
}

function bind(socket: Socket, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, "0.0.0.0", () => {
      socket.removeListener("error", reject);
      try {
        socket.setMulticastTTL(hopsMax);
        // Other nodes of this machine hear it too, and this one knows by its own voice that it is heard.
        socket.setMulticastLoopback(true);
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
}

async function sendByAll(
  socket: Socket,
  packet: Uint8Array,
  interfaces: readonly string[],
): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const address of interfaces) {
    try {
      join(socket, address);
      socket.setMulticastInterface(address);
      await send(socket, packet);
    } catch (error) {
      failures.push(`${address}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failures;
}

/** Each time anew: the system forgets a membership with the interface, and says so when it still holds. */
function join(socket: Socket, address: string): void {
  try {
    socket.addMembership(group, address);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
  }
}

function send(socket: Socket, packet: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(packet, socket.address().port, group, (error) => (error ? reject(error) : resolve()));
  });
}
