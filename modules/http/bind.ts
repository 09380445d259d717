/** Opens the addresses that the configuration names. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Files, Log } from "../../src/kernel/ports.ts";
import type { Listener } from "./contract.ts";
import type { Door } from "./guard.ts";
import type { HttpServer, HttpService } from "./server.ts";

export interface Bound {
  readonly listener: Listener;
  readonly server: HttpServer;
}

export interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** `curl --unix-socket ... http://operone/`, and `localhost` for clients that insist on it. */
const socketHosts: ReadonlySet<string> = new Set(["operone", "localhost"]);

/**
 * @throws OperoneError `conflict` when something else is, or listens, at the path
 */
export async function bindSocket(path: string, service: HttpService, files: Files): Promise<Bound> {
  await clearStale(path, files);
  // The mode is right from the first moment: a chmod afterwards would leave a gap in which others could connect.
  const before = process.umask(0o177);
  try {
    const door: Door = { kind: "unix", scheme: "http", hosts: socketHosts, literalPort: undefined };
    const server = Bun.serve({ unix: path, ...service.settings(door) });
    return { listener: { kind: "unix", path }, server };
  } catch (error) {
    throw new OperoneError("unavailable", `The Unix socket ${path} cannot be opened: ${reasonOf(error)}`);
  } finally {
    process.umask(before);
  }
}

/** A socket that a node left behind when it was killed. Whoever answers on it is alive. */
async function clearStale(path: string, files: Files): Promise<void> {
  const facts = await files.facts(path);
  if (facts === undefined) return;
  if (facts.kind !== "other") {
    throw new OperoneError(
      "conflict",
      `${path} is a ${facts.kind}, and the node's socket belongs there; move it away`,
    );
  }
  if (await answersForLong(path)) {
    throw new OperoneError(
      "conflict",
      `Something is listening at ${path} already; stop it with "operone down"`,
    );
  }
  await files.remove(path);
}

/**
 * A child that was being started in the moment in which its node was killed still has the node's socket, until it
 * becomes its own program.
 */
const passingMs = 2_000;
const pollMs = 10;

async function answersForLong(path: string): Promise<boolean> {
  const end = performance.now() + passingMs;
  while (await answers(path)) {
    if (performance.now() > end) return true;
    await Bun.sleep(pollMs);
  }
  return false;
}

async function answers(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
    return true;
  } catch {
    return false;
  }
}

export interface TcpAddress {
  readonly address: string;
  readonly port: number;
  readonly hosts: readonly string[];
  readonly tls: Tls | undefined;
}

/** @throws OperoneError `conflict` when the port is taken, `unavailable` when this machine has no such address */
export function bindTcp({ address, port, hosts, tls }: TcpAddress, service: HttpService): Bound {
  const scheme = tls === undefined ? "http" : "https";
  const ownHosts = new Set<string>();
  const door = {
    kind: "tcp" as const,
    scheme,
    hosts: ownHosts,
    literalPort: undefined as number | undefined,
  } satisfies Door;
  try {
    const server: HttpServer = Bun.serve({
      hostname: address,
      port,
      // Without development mode the runtime would share the port: a second node would take half of the calls.
      reusePort: false,
      ...(tls === undefined ? {} : { tls }),
      ...service.settings(door),
    });
    // Nothing can have been received yet: that takes a turn of the event loop.
    const actual = server.port ?? port;
    for (const host of [...loopbackNames.map((name) => withPort(name, actual, scheme)), ...hosts])
      ownHosts.add(host);
    if (!isLoopback(address)) door.literalPort = actual;
    return {
      listener: { kind: "tcp", url: `${scheme}://${withPort(bracketed(address), actual, scheme)}` },
      server,
    };
  } catch (error) {
    throw bindError(error, address, port);
  }
}

const loopbackNames = ["127.0.0.1", "localhost", "[::1]"];

function withPort(host: string, port: number, scheme: string): string {
  return port === (scheme === "http" ? 80 : 443) ? host : `${host}:${port}`;
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

export function isLoopback(address: string): boolean {
  return address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/** Where networking listens unless it is told otherwise: no advice should lead there. */
const meshPort = 6738;

function bindError(error: unknown, address: string, port: number): OperoneError {
  const code = codeOf(error);
  if (code === "EADDRINUSE") {
    const other = port + 1 === meshPort ? port + 2 : port + 1;
    return new OperoneError(
      "conflict",
      `Port ${port} on ${address} is taken by another process; choose another with "port = ${other}" under [http] in config.toml, or "operone up --set http.port=${other}"`,
    );
  }
  if (code === "EACCES" || code === "EPERM") {
    return new OperoneError(
      "forbidden",
      `This user may not listen on port ${port}; choose one above 1023 with "port" under [http] in config.toml`,
    );
  }
  return new OperoneError(
    "unavailable",
    `The address ${address} port ${port} cannot be listened at: ${reasonOf(error)}`,
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Binds the second loopback address if this machine has it; many have no IPv6. */
export function bindTcpIfThere(address: TcpAddress, service: HttpService, log: Log): Bound | undefined {
  try {
    return bindTcp(address, service);
  } catch (error) {
    if (error instanceof OperoneError && error.code === "conflict") throw error;
    log.debug("An address is left out", { address: address.address, why: reasonOf(error) });
    return undefined;
  }
}
