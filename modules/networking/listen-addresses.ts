import type { Multiaddr } from "@multiformats/multiaddr";

/**
 * Where others can reach this node. Loopback is left out when there is anything else, unless it was asked for by name;
 * so are link-local IPv6 addresses, which mean nothing without the name of an interface of the reader's machine.
 *
 * @param bound as the listeners give them, wildcards expanded and ports real
 * @param asked the multiaddrs to listen on
 */
export function reachable(bound: readonly Multiaddr[], asked: readonly string[]): readonly string[] {
  const texts = [...new Set(bound.map((address) => address.toString()))].filter(
    (text) => !/^\/ip6\/fe[89ab]/i.test(text),
  );
  if (asked.some(isLoopback)) return texts;
  const others = texts.filter((text) => !isLoopback(text));
  return others.length > 0 ? others : texts;
}

function isLoopback(address: string): boolean {
  return /^\/ip4\/127\.|^\/ip6\/::1(\/|$)/.test(address);
}
