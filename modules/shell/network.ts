/**
 * What a confined command may reach: nothing (`none`), all that the node reaches (`full`), or a list of domains, by way
 * of the node's proxy, and of ports of the machine's own loopback.
 */
import * as v from "valibot";

export const networks = ["none", "full"] as const;

/** Of each list. The launcher's own room for ports is 40, of which the proxy needs one. */
const domainsMax = 128;
const portsMax = 32;
/** RFC 1035, 2.3.4. */
const hostLengthMax = 253;

/** The ports of a domain that names none: those of the web. */
const webPorts: readonly number[] = [80, 443];

const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
/** The last label has a letter first, so that no address can pass for a name. */
const host = `(${label}\\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?`;
const hostPattern = new RegExp(`^${host}$`);
const domainPattern = new RegExp(`^(\\*\\.)?${host}(:[0-9]{1,5})?$`);

const Domain = v.pipe(
  v.string(),
  v.maxLength(hostLengthMax + 8),
  v.regex(
    domainPattern,
    'write a name in small letters, as "api.example.org", or "*.github.com" for all names below that one and not itself; ":8443" behind it is the only port, and without one they are 80 and 443. Addresses are no names, and others than ASCII are written as "xn--..."',
  ),
  v.check((text) => (portOf(text) ?? 1) >= 1 && (portOf(text) ?? 1) <= 65_535, "a port is 1 to 65535"),
);

const Port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));

export const Domains = v.pipe(v.array(Domain), v.maxLength(domainsMax));
export const Ports = v.pipe(v.array(Port), v.maxLength(portsMax));

const NetworkList = v.strictObject({
  domains: v.optional(Domains, []),
  ports: v.optional(Ports, []),
});
export interface NetworkList {
  readonly domains: readonly string[];
  readonly ports: readonly number[];
}

const nothing: NetworkList = { domains: [], ports: [] };

/** As it is written in configuration and grants. */
export const NetworkRule = v.union([v.picklist(networks), NetworkList], ({ input }) => ruleProblem(input));
export type Network = (typeof networks)[number] | NetworkList;

function ruleProblem(input: unknown): string {
  const list = v.safeParse(NetworkList, input);
  const why = typeof input === "object" && !list.success ? `: ${v.summarize(list.issues)}` : "";
  return `a network is "none", "full", or { domains = [...], ports = [...] }${why}`;
}

/** Whether `asked` reaches nothing that `most` does not. */
export function isCovered(asked: Network, most: Network): boolean {
  if (asked === "none" || most === "full") return true;
  if (asked === "full") return false;
  const { domains, ports } = most === "none" ? nothing : most;
  return (
    asked.ports.every((port) => ports.includes(port)) &&
    asked.domains.every((domain) => coversDomain(domain, domains))
  );
}

/** Every port of it by some domain, not all by the same one. */
function coversDomain(asked: string, most: readonly string[]): boolean {
  const { name, ports } = parsed(asked);
  return ports.every((port) =>
    most.some((text) => {
      const wide = parsed(text);
      return wide.ports.includes(port) && (wide.name === name || isBelow(name, wide.name));
    }),
  );
}

/** `name` is a host, or a pattern of hosts below one. */
function isBelow(name: string, pattern: string): boolean {
  return pattern.startsWith("*.") && name.endsWith(pattern.slice(1)) && name !== pattern;
}

/** The domain of the list that a connection is for. @param name a host, as `hostOf` gives it */
export function isListed({ domains }: NetworkList, name: string, port: number): boolean {
  return coversDomain(`${name}:${port}`, domains);
}

/** A host as a request names it, for comparing. Undefined: it is none, as an address is. */
export function hostOf(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, "");
  return name.length <= hostLengthMax && hostPattern.test(name) ? name : undefined;
}

function parsed(domain: string): { readonly name: string; readonly ports: readonly number[] } {
  const port = portOf(domain);
  if (port === undefined) return { name: domain, ports: webPorts };
  return { name: domain.slice(0, domain.lastIndexOf(":")), ports: [port] };
}

function portOf(domain: string): number | undefined {
  const at = domain.lastIndexOf(":");
  return at < 0 ? undefined : Number(domain.slice(at + 1));
}

export function isList(network: Network): network is NetworkList {
  return typeof network === "object";
}

/** What a call asks for; undefined: whatever its profile gives. */
export function askedNetwork({
  network,
  domains,
  ports,
}: {
  readonly network?: Network | undefined;
  readonly domains?: readonly string[] | undefined;
  readonly ports?: readonly number[] | undefined;
}): Network | undefined {
  if (domains === undefined && ports === undefined) return network;
  return { domains: domains ?? [], ports: ports ?? [] };
}

/** For people: `none`, `full`, `api.example.org, 127.0.0.1:5432`. */
export function networkText(network: Network): string {
  if (!isList(network)) return network;
  const places = [...network.domains, ...network.ports.map((port) => `127.0.0.1:${port}`)];
  return places.length === 0 ? "none" : places.join(", ");
}
