/** What a request asks the proxy for. */
import { hostOf } from "./network.ts";

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** Of CONNECT: `api.example.org:443`. Undefined: it names no host, as an address does not. */
export function tunnelTarget(authority: string): ProxyTarget | undefined {
  const parts = /^([^:@/?#[\]]+):([0-9]{1,5})$/.exec(authority);
  return parts === null ? undefined : targetOf(parts[1] ?? "", Number(parts[2]));
}

/** Of any other method: `http://www.example.org/a`. A name or password in it makes it none. */
export function plainTarget(url: string): (ProxyTarget & { readonly path: string }) | undefined {
  if (!/^http:\/\//i.test(url) || !URL.canParse(url)) return undefined;
  const { hostname, port, username, password, pathname, search } = new URL(url);
  if (username !== "" || password !== "") return undefined;
  const target = targetOf(hostname, port === "" ? 80 : Number(port));
  return target === undefined ? undefined : { ...target, path: pathname + search };
}

function targetOf(name: string, port: number): ProxyTarget | undefined {
  const host = hostOf(name);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** RFC 9110, 7.6.1: they are for the next connection alone. */
const hopHeaders: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** The headers that go on, by name; those of which there are several keep their order. */
export function onwardHeaders(raw: readonly string[]): Record<string, string | string[]> {
  const pairs = raw.flatMap((name, at) =>
    at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1] ?? ""] as const] : [],
  );
  const named = pairs
    .filter(([name]) => name === "connection")
    .flatMap(([, value]) => value.split(",").map((word) => word.trim().toLowerCase()));
  const left = new Set([...hopHeaders, ...named]);
  // Without a prototype: a header may be called "constructor".
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of pairs) {
    if (left.has(name)) continue;
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}
