/** Whether a TCP port answers from here. Only for addresses that the asking node signed as its own. */
import { connect } from "node:net";

export type PortProbe = (address: string, timeoutMs: number) => Promise<boolean>;

/** IP addresses and names alone; anything else of a multiaddr leads nowhere here. */
const form = /^\/(?:ip4|ip6|dns4|dns6)\/([^/]+)\/tcp\/([0-9]{1,5})$/;

export const tcpProbe: PortProbe = (address, timeoutMs) => {
  const [, host, port] = form.exec(address) ?? [];
  if (host === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: timeoutMs });
    const settle = (answered: boolean) => {
      resolve(answered);
      socket.destroy();
    };
    socket.once("connect", () => settle(true));
    socket.once("timeout", () => settle(false));
    socket.once("error", () => settle(false));
  });
};
