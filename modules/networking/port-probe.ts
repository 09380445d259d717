/** TCP ports: whether one answers from here, and whether one can be listened on. */
import { connect, createServer } from "node:net";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";

/** Only for addresses that the asking node signed as its own. */
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

const portMin = 1_024;

/**
 * Those of the addresses that lead to where the peer's connection comes from: another host, and what listens on a
 * system's own ports, is not the peer's to have tried.
 *
 * @param remote of its connection; without one there is none
 */
export function ownAddresses(addresses: readonly string[], remote: string | undefined): readonly string[] {
  const [, host] = form.exec(remote ?? "") ?? [];
  return addresses.filter((address) => {
    const [, own, port] = form.exec(address) ?? [];
    return host !== undefined && own === host && Number(port) >= portMin;
  });
}

const everyMs = 60_000;
const peersMax = 4_096;

/** One look for each peer a minute. */
export class ProbeRate {
  readonly #clock: Clock;
  readonly #lastMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws OperoneError `limited` */
  assertMay(peerId: string): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [peer, atMs] of this.#lastMs) if (nowMs - atMs >= everyMs) this.#lastMs.delete(peer);
    if (this.#lastMs.has(peerId) || this.#lastMs.size >= peersMax)
      throw new OperoneError("limited", "This node tries the addresses of another one once a minute; wait");
    this.#lastMs.set(peerId, nowMs);
  }
}

/**
 * Whether this node could listen there now. What the system refuses for another reason than a port that is taken or
 * not for this user is left to the one that listens.
 *
 * @param addresses multiaddrs: `/ip4/0.0.0.0/tcp/6738`
 * @throws OperoneError as `cannotListen`
 */
export async function assertListenable(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const [, host, port] = form.exec(address) ?? [];
    if (host === undefined || port === "0") continue;
    const why = await refusalToListen(host, Number(port));
    if (why === "EADDRINUSE" || why === "EACCES") throw cannotListen(addresses, why);
  }
}

function refusalToListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (error: { readonly code?: string }) => resolve(error.code ?? "unknown"));
    // As libp2p does, which listens on 0.0.0.0 and :: side by side.
    server.listen({ host, port, ipv6Only: host.includes(":") }, () => server.close(() => resolve(undefined)));
  });
}

/** @param why what the system said; its code is enough */
export function cannotListen(addresses: readonly string[], why: string): OperoneError {
  const port = Number(form.exec(addresses[0] ?? "")?.[2] ?? 0);
  const [code = ""] = /\bE[A-Z]{3,}\b/.exec(why) ?? [];
  const next = `"operone up --set networking.port=${port === 6738 ? 6739 : 6738}", or "port" under [networking]`;
  if (code === "EADDRINUSE")
    return new OperoneError(
      "unavailable",
      `TCP port ${port}, on which other nodes would reach this one, is taken by another node or program; choose another: ${next}`,
    );
  if (code === "EACCES")
    return new OperoneError(
      "unavailable",
      `This user may not listen on TCP port ${port} for other nodes; choose one above 1023: ${next}`,
    );
  const [line = ""] = why.split("\n");
  return new OperoneError(
    "unavailable",
    `The mesh cannot listen on ${addresses.join(", ")}: ${code === "" ? line : code}; see "addresses" and "port" under [networking]`,
  );
}
