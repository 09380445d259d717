/**
 * Who may knock at all. A local API is not safe because it is local: any web page can send requests to this
 * machine, and a name of an attacker can be made to point at it. So nothing that a browser sends on behalf of a page
 * passes, and nothing without a token but what comes through the Unix socket. Pure: a request's head goes in, a
 * verdict comes out.
 */
import type { ErrorCode } from "../../src/kernel/error.ts";
import { bearerProtocolPrefix } from "../../src/surface/http-wire.ts";

/** One listener, as the guard sees it. */
export interface Door {
  readonly kind: "unix" | "tcp";
  readonly scheme: "http" | "https";
  /** Lower-case values of `Host` that are ours, with the port where it is not the scheme's own. */
  readonly hosts: ReadonlySet<string>;
  /** Beyond loopback any address literal with this port is ours too: no name can be made to point at a number. */
  readonly literalPort: number | undefined;
}

export interface Refusal {
  readonly code: ErrorCode;
  /** What the refused one is told: why, and nothing about the node. */
  readonly message: string;
}

export type Verdict =
  | { readonly refused: Refusal }
  /** The owner, because only the owner can open the socket. */
  | { readonly owner: true }
  | { readonly token: string };

/** Longer than any token; compared before anything is computed from it. */
const tokenLengthMax = 512;

export function judge(door: Door, request: Pick<Request, "headers" | "url">): Verdict {
  const { headers } = request;
  const host = headers.get("host") ?? "";
  if (!isOwnHost(door, host)) return refuse("misdirected", "This host is not served here");
  const origin = headers.get("origin");
  if (origin !== null && (door.kind === "unix" || origin !== `${door.scheme}://${host.toLowerCase()}`)) {
    return refuse("forbidden", "Requests on behalf of a web page are refused");
  }
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") {
    return refuse("forbidden", "Requests on behalf of a web page are refused");
  }
  if (hasTokenInQuery(request.url)) return tokenInQuery;
  if (door.kind === "unix") return { owner: true };
  const token = bearerToken(headers);
  if (token !== undefined) return { token };
  return triesQuery(request.url)
    ? tokenInQuery
    : refuse("unauthenticated", "Send a token as a header: authorization: Bearer TOKEN");
}

export const wrongToken: Refusal = { code: "unauthenticated", message: "The token is not valid" };
export const tooManyWrong: Refusal = {
  code: "limited",
  message: "Too many requests failed to authenticate; wait a second",
};

function refuse(code: ErrorCode, message: string): Verdict {
  return { refused: { code, message } };
}

function isOwnHost({ hosts, literalPort }: Door, text: string): boolean {
  if (hosts.has(text)) return true;
  const host = text.toLowerCase();
  if (hosts.has(host)) return true;
  if (literalPort === undefined) return false;
  const parts = /^(?:\[([0-9a-f:.]+)\]|(\d{1,3}(?:\.\d{1,3}){3}))(?::(\d+))?$/.exec(host);
  return parts !== null && Number(parts[3] ?? Number.NaN) === literalPort;
}

/** The header, or for who cannot set headers on a WebSocket the subprotocol. Two of them are none. */
function bearerToken(headers: Headers): string | undefined {
  const header = headers.get("authorization");
  const text = header === null ? protocolToken(headers) : bearerIn(header);
  // Equal headers that came twice are joined by a comma, which no token has.
  if (text === undefined || text === "" || text.length > tokenLengthMax || text.includes(","))
    return undefined;
  return text;
}

function bearerIn(header: string): string | undefined {
  return header.startsWith("Bearer ") && !header.includes(" ", 7)
    ? header.slice(7)
    : /^bearer +(\S+)$/i.exec(header)?.[1];
}

function protocolToken(headers: Headers): string | undefined {
  if (headers.get("upgrade")?.toLowerCase() !== "websocket") return undefined;
  const protocols = headers.get("sec-websocket-protocol")?.split(",") ?? [];
  const tokens = protocols.map((text) => text.trim()).filter((text) => text.startsWith(bearerProtocolPrefix));
  return tokens.length === 1 ? tokens[0]?.slice(bearerProtocolPrefix.length) : undefined;
}

/** One of ours under any name. It would end up in logs and histories, so the request is refused though it is known. */
const ownToken = /^(bearer[ +])?op[a-z]_[A-Za-z0-9_-]{20}/i;
/** Names under which other services take a token. */
const tokenNames = /^(access_token|token|bearer|authorization|api_?key)$/i;

const tokenInQuery = refuse(
  "unauthenticated",
  "A token in the query ends up in logs and histories, so it is refused; send it as a header: authorization: Bearer TOKEN",
);

function hasTokenInQuery(url: string): boolean {
  return (
    queryOf(url)
      ?.values()
      .some((value) => ownToken.test(value)) === true
  );
}

function triesQuery(url: string): boolean {
  return (
    queryOf(url)
      ?.keys()
      .some((name) => tokenNames.test(name)) === true
  );
}

function queryOf(url: string): URLSearchParams | undefined {
  const mark = url.indexOf("?");
  return mark < 0 ? undefined : new URLSearchParams(url.slice(mark + 1));
}
