/**
 * The addresses of a name, by the hosts file and the name servers of the system. Not by `getaddrinfo`: that takes a
 * thread of the pool for as long as a server is silent, and the same few threads carry every file operation, so that
 * whoever may choose names could stop them all.
 */
import { Resolver } from "node:dns/promises";
import { open } from "node:fs/promises";

export interface NameLookupOptions {
  readonly hostsFile?: string;
  /** As `address:port`. Absent: those of the system, read anew at each call, as a machine changes its networks. */
  readonly servers?: readonly string[];
  readonly answerMsMax?: number;
}

/** The file of a machine that blocks advertisers by it has some MiB. */
const hostsBytesMax = 16_777_216;
const tries = 2;

/**
 * In the order of the hosts file, or IPv4 first. Nothing is kept.
 *
 * @param name in small letters, without a dot at its end
 * @throws Error of the name servers when none knows an address
 */
export async function addressesOf(
  name: string,
  { hostsFile = "/etc/hosts", servers, answerMsMax = 9_000 }: NameLookupOptions = {},
): Promise<readonly string[]> {
  const written = addressesIn(await hostsText(hostsFile), name);
  if (written.length > 0) return written;
  // The second try waits twice as long as the first.
  const resolver = new Resolver({ timeout: Math.ceil(answerMsMax / (tries + 1)), tries });
  if (servers !== undefined) resolver.setServers(servers);
  const timer = setTimeout(() => resolver.cancel(), answerMsMax);
  try {
    const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = [four, six].flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    if (found.length === 0 && four.status === "rejected") throw four.reason;
    return found;
  } finally {
    clearTimeout(timer);
  }
}

/** Of the format in hosts(5). */
export function addressesIn(hosts: string, name: string): readonly string[] {
  return hosts.split("\n").flatMap((line) => {
    const [address = "", ...names] = line.replace(/#.*$/s, "").trim().split(/\s+/);
    return names.some((one) => one.toLowerCase() === name) ? [address] : [];
  });
}

/** Empty when there is none, as the system takes it. */
async function hostsText(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.min(size, hostsBytesMax)) });
    return buffer.toString("utf8", 0, bytesRead);
  } catch {
    return "";
  }
}
