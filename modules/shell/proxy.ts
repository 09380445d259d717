/**
 * The way out of one confined command with an allow-list: an HTTP proxy on a Unix socket that only its launcher reaches.
 * It knows tunnels (CONNECT) and plain HTTP. A name is looked up once, every address of it is judged, and the connection
 * goes to such an address and is not looked up again: what a name means a moment later changes nothing. TLS stays closed.
 */
import {
  createServer,
  type IncomingMessage,
  request as requestOf,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Log } from "../../src/kernel/ports.ts";
import { refusedAddress } from "./address-rule.ts";
import { isListed, type NetworkList } from "./network.ts";
import { onwardHeaders, type ProxyTarget, plainTarget, tunnelTarget } from "./proxy-target.ts";

export interface ProxyPorts {
  /** Absent: nothing is told but to the client. */
  readonly log?: Log;
  /** The addresses of a host. Throws when it has none. */
  resolve(host: string): Promise<readonly string[]>;
  /** Why an address is none to connect to. Absent: as address-rule.ts says. */
  readonly refusedAddress?: (address: string) => string | undefined;
  readonly limits?: Partial<ProxyLimits>;
}

export interface ProxyLimits {
  /** From the first byte of a request to the end of its head. */
  readonly headMsMax: number;
  readonly resolveMsMax: number;
  readonly connectMsMax: number;
  /** Without a byte in either direction. */
  readonly idleMsMax: number;
  readonly connectionsMax: number;
}

const usual: ProxyLimits = {
  headMsMax: 10_000,
  resolveMsMax: 10_000,
  connectMsMax: 10_000,
  idleMsMax: 600_000,
  connectionsMax: 128,
};

/** Of one name. */
const addressesMax = 16;
/** Told at the end of the command; more are in nobody's interest. */
const refusalsMax = 32;

export class AllowListProxy {
  readonly #list: NetworkList;
  readonly #ports: ProxyPorts;
  readonly #limits: ProxyLimits;
  readonly #server: Server;
  readonly #open = new Set<Duplex>();
  readonly #refusals = new Set<string>();
  /** Those too whose client has left meanwhile. */
  #lookups = 0;

  constructor(list: NetworkList, ports: ProxyPorts) {
    this.#list = list;
    this.#ports = ports;
    this.#limits = { ...usual, ...ports.limits };
    const server = createServer({
      headersTimeout: this.#limits.headMsMax,
      connectionsCheckingInterval: this.#limits.headMsMax,
    });
    server.maxConnections = this.#limits.connectionsMax;
    server.on("connection", (socket: Socket) => this.#track(socket));
    server.on("request", (request, response) => void this.#plain(request, response));
    server.on("connect", (request, socket, head) => void this.#tunnel(request, socket, head));
    server.on("upgrade", (request: IncomingMessage, socket: Duplex) =>
      this.#refuse(
        socket,
        request.url ?? "",
        "a connection that changes its protocol needs a tunnel (CONNECT)",
      ),
    );
    server.on("clientError", (_error: Error, socket: Duplex) => socket.destroy());
    this.#server = server;
  }

  /** @param path where nobody but the launcher looks */
  async listen(path: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(path, () => resolve());
    await promise;
    this.#server.on("error", (error) => this.#ports.log?.warn("A proxy failed", { error: error.message }));
  }

  /** What was asked for and not given, each with the reason: `example.com:443 is not in the list`. */
  get refusals(): readonly string[] {
    return [...this.#refusals];
  }

  /** Ends every connection. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const stream of this.#open) stream.destroy();
  }

  async #tunnel({ url = "" }: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#track(socket);
    const target = tunnelTarget(url);
    const upstream = await this.#reach(target, url).catch((error: unknown) => {
      this.#refuse(socket, url, reasonOf(error));
    });
    if (upstream === undefined) return;
    if (socket.destroyed) return void upstream.destroy();
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    if (head.length > 0) upstream.write(head);
    pipeline(socket, upstream, () => {});
    pipeline(upstream, socket, () => {});
  }

  async #plain(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "" } = request;
    const target = plainTarget(url);
    const upstream = await this.#reach(target, shownUrl(url)).catch((error: unknown) => {
      const why = this.#noted(shownUrl(url), reasonOf(error));
      response.writeHead(403, { "content-type": "text/plain; charset=utf-8", connection: "close" });
      response.end(`${why}\n`);
    });
    if (upstream === undefined || target === undefined) return;
    if (response.destroyed) return void upstream.destroy();
    const host = target.port === 80 ? target.host : `${target.host}:${target.port}`;
    const isChunked = request.headers["transfer-encoding"] !== undefined;
    const onward = requestOf({
      createConnection: () => upstream,
      method: request.method ?? "GET",
      path: target.path,
      setHost: false,
      headers: {
        ...onwardHeaders(request.rawHeaders),
        host,
        connection: "close",
        ...(isChunked ? { "transfer-encoding": "chunked" } : {}),
      },
    });
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, onwardHeaders(answer.rawHeaders));
      pipeline(answer, response, () => {});
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => upstream.destroy());
    pipeline(request, onward, () => {});
  }

  /** @throws OperoneError `forbidden` with the reason, `unavailable` when nobody answers */
  async #reach(target: ProxyTarget | undefined, asked: string): Promise<Socket> {
    if (target === undefined) throw refused("only names are in the list, and this is none");
    const { host, port } = target;
    if (!isListed(this.#list, host, port)) throw refused(`"${host}:${port}" is not in the list`);
    const addresses = await this.#addresses(host);
    const judge = this.#ports.refusedAddress ?? refusedAddress;
    for (const address of addresses) {
      const why = judge(address);
      if (why !== undefined) throw refused(`"${host}" leads to ${address}, which ${why}`);
    }
    for (const address of addresses) {
      const socket = await this.#connected(address, port);
      if (socket !== undefined) return socket;
    }
    throw new OperoneError("unavailable", `nobody answers at ${asked}`);
  }

  async #addresses(host: string): Promise<readonly string[]> {
    if (this.#lookups >= this.#limits.connectionsMax) {
      throw new OperoneError("limited", "too many names are looked up at once; try again later");
    }
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("too late")), this.#limits.resolveMsMax);
    try {
      const found = await Promise.race([this.#lookedUp(host), late]);
      if (found.length === 0) throw new Error("none");
      return found.slice(0, addressesMax);
    } catch {
      throw new OperoneError("unavailable", `the name "${host}" has no address now`);
    } finally {
      clearTimeout(timer);
    }
  }

  async #lookedUp(host: string): Promise<readonly string[]> {
    this.#lookups += 1;
    try {
      return await this.#ports.resolve(host);
    } finally {
      this.#lookups -= 1;
    }
  }

  #connected(address: string, port: number): Promise<Socket | undefined> {
    const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
    const socket = connect({ host: address, port });
    const timer = setTimeout(() => socket.destroy(), this.#limits.connectMsMax);
    this.#track(socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(socket);
    });
    return promise;
  }

  #track(stream: Duplex | Socket): void {
    if (this.#open.has(stream)) return;
    this.#open.add(stream);
    stream.once("close", () => this.#open.delete(stream));
    stream.on("error", () => stream.destroy());
    if ("setTimeout" in stream) stream.setTimeout(this.#limits.idleMsMax, () => stream.destroy());
  }

  #refuse(socket: Duplex, asked: string, reason: string): void {
    const text = `${this.#noted(asked, reason)}\n`;
    socket.end(
      `HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
    );
  }

  #noted(asked: string, reason: string): string {
    const text = `No connection to ${asked.slice(0, 300)}: ${reason}`;
    if (this.#refusals.size < refusalsMax && !this.#refusals.has(text)) {
      this.#refusals.add(text);
      this.#ports.log?.info("A confined command got no connection", { asked: asked.slice(0, 300), reason });
    }
    return text;
  }
}

function refused(why: string): OperoneError {
  return new OperoneError(
    "forbidden",
    `${why}; the owner of the node can allow more in the command's profile or grant`,
  );
}

function reasonOf(error: unknown): string {
  return error instanceof OperoneError ? error.message : "it failed";
}

/** The host alone: what follows it can hold what is nobody's business. */
function shownUrl(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url.replace(/[/?#].*$/s, "");
}
