/** Which addresses a name of the allow-list may lead to: those of the public internet, and no service of this machine. */
import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

/** Services of clouds for their own machines that lie in public ranges: Azure's wire server. */
const metadata: readonly string[] = ["168.63.129.16"];

/** Of IPv6 only this is given to networks of the internet (IANA, IPv6 Global Unicast Address Assignments). */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/** Why it is refused; undefined for a public address. */
export function refusedAddress(text: string, own: readonly string[] = ownAddresses()): string | undefined {
  if (!ipaddr.isValid(text)) return "is no address";
  const address = ipaddr.process(text);
  const range = address.range();
  if (range !== "unicast") return `is no public address (${range})`;
  if (address.kind() === "ipv6" && !(address as ipaddr.IPv6).match(globalUnicast))
    return "is no public address (unassigned)";
  const plain = address.toNormalizedString();
  if (metadata.includes(plain)) return "is a cloud's service for its own machines";
  if (own.some((one) => ipaddr.isValid(one) && ipaddr.process(one).toNormalizedString() === plain))
    return "is this machine";
  return undefined;
}

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
}
