/** Who shares a limit: a host, by the address of its connections. */

/**
 * @param address a multiaddr
 * @returns its host; of IPv6 the network of 64 bits, in which one host has as many addresses as it likes
 */
export function hostOf(address: string): string {
  const [, kind, host = address] = address.split("/");
  return kind === "ip6" ? networkOf(host) : host;
}

function networkOf(host: string): string {
  const [head = "", tail] = host.toLowerCase().split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...right].slice(0, 4).join(":");
}
