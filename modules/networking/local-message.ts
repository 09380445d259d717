/**
 * What nodes say to each other by multicast DNS (RFC 6762), in the form of libp2p's discovery
 * (github.com/libp2p/specs, discovery/mdns.md) under a service tag of our own. A peer id and addresses, nothing else.
 */
import { decode, encode, type Packet } from "dns-packet";

export const serviceTag = "_operone._udp.local";

export const localMessageLimits = {
  /** Of a datagram; a longer one is not looked at. Ours stay below one Ethernet frame. */
  bytesMax: 1_400,
  addressesMax: 8,
} as const;

const prefix = "dnsaddr=";
const lifeSeconds = 120;
/** As it stands in every packet that asks or answers for it: RFC 6762 writes the first name in full. */
const tagBytes = Buffer.concat(
  serviceTag.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
);

export type LocalMessage =
  | { readonly kind: "question"; readonly id: number }
  | { readonly kind: "announcement"; readonly peerId: string; readonly addresses: readonly string[] };

/** @param id 1 to 65,535, by which the one who asks knows its own question */
export function question(id: number): Uint8Array {
  return encode({ type: "query", id, questions: [{ name: serviceTag, type: "PTR" }] });
}

/** @param addresses multiaddrs without a peer id; what would make the packet too long is left out */
export function announcement(peerId: string, addresses: readonly string[]): Uint8Array {
  const name = `${peerId}.${serviceTag}`;
  const data = addresses
    .slice(0, localMessageLimits.addressesMax)
    .map((address) => `${prefix}${address}/p2p/${peerId}`);
  return encode({
    type: "response",
    // Authoritative: RFC 6762, section 18.4.
    flags: 0x0400,
    answers: [
      { name: serviceTag, type: "PTR", class: "IN", ttl: lifeSeconds, data: name },
      { name, type: "TXT", class: "IN", ttl: lifeSeconds, data },
    ],
  });
}

/** Undefined for everything else that is said on the network, and for what is malformed. Never throws. */
export function messageIn(packet: Uint8Array): LocalMessage | undefined {
  if (packet.length > localMessageLimits.bytesMax) return undefined;
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  // Most of what printers and televisions say is told by this, without being parsed.
  if (!bytes.includes(tagBytes)) return undefined;
  try {
    const message = decode(bytes);
    return message.type === "query" ? questionIn(message) : announcementIn(message);
  } catch {
    return undefined;
  }
}

function questionIn({ id, questions }: Packet): LocalMessage | undefined {
  const asks = questions?.some(({ name, type }) => name === serviceTag && type === "PTR");
  return asks === true ? { kind: "question", id: id ?? 0 } : undefined;
}

function announcementIn({ answers = [], additionals = [] }: Packet): LocalMessage | undefined {
  const texts = [...answers, ...additionals].flatMap((answer) =>
    answer.type === "TXT" && answer.name.endsWith(`.${serviceTag}`) ? [answer.data].flat() : [],
  );
  let peerId: string | undefined;
  const addresses: string[] = [];
  for (const text of texts.slice(0, localMessageLimits.addressesMax)) {
    const [, address, of] = /^dnsaddr=(\/.{1,80})\/p2p\/([A-Za-z0-9]{40,64})$/.exec(String(text)) ?? [];
    if (address === undefined || of === undefined || (peerId ?? of) !== of) return undefined;
    peerId = of;
    if (isOutside(address)) addresses.push(address);
  }
  return peerId === undefined || addresses.length === 0
    ? undefined
    : { kind: "announcement", peerId, addresses };
}

/**
 * A plain address of one other machine. No names, which somebody would have to be asked for; and no loopback, which is
 * another machine for whoever reads it.
 */
export function isOutside(address: string): boolean {
  const [, family, ip = "", port] = /^\/(ip4|ip6)\/([0-9a-fA-F.:]+)\/tcp\/([0-9]{1,5})$/.exec(address) ?? [];
  if (family === undefined || Number(port) < 1 || Number(port) > 65_535) return false;
  if (family === "ip4") return isUnicast4(ip);
  // Of IPv6 only global and unique local ones: link-local means nothing without an interface, ::/8 holds loopback and
  // the mapped IPv4 addresses.
  return /^[23fF][0-9a-fA-F]{3}:/.test(ip) && !/^[fF][eEfF]/.test(ip);
}

function isUnicast4(ip: string): boolean {
  const parts = ip.split(".").map(Number);
  const [first = 0] = parts;
  if (parts.length !== 4 || parts.some((part) => !(part <= 255))) return false;
  return first !== 0 && first !== 127 && first < 224;
}
