/** Opens the doors, and closes them again without cutting off what is being answered. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Scope } from "../../src/kernel/module.ts";
import type { Clock, Files, Host, Log } from "../../src/kernel/ports.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import { httpSurface } from "../../src/surface/http.ts";
import type { Credentials } from "../access/contract.ts";
import { type Bound, bindSocket, bindTcp, bindTcpIfThere, isLoopback, type Tls } from "./bind.ts";
import type { Listeners } from "./contract.ts";
import { createGate } from "./gate.ts";
import type { HttpConfig } from "./module.ts";
import { RouteTable } from "./routes.ts";
import { HttpService } from "./server.ts";

interface Use {
  readonly kernel: KernelView;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly files: Files;
  readonly host: Host;
  readonly log: Log;
}

/** @throws OperoneError when an address is taken, missing or not allowed; what was bound by then is closed */
export async function startHttp({
  config,
  use,
  scope,
}: {
  readonly config: HttpConfig;
  readonly use: Use;
  readonly scope: Scope;
}) {
  assertAllowed(config);
  const tls = await readTls(config, use.files);
  const routes = new RouteTable();
  const service = serviceOf(config, use, routes);
  const bound: Bound[] = [];
  scope.defer(() => close(bound, service, config.limits.drainMs, use.clock));
  // Windows has no Unix socket that Bun can serve; the owner's token serves the owner there.
  if (use.host.os !== "win32") {
    bound.push(await bindSocket(`${use.host.dataDirectory}/operone.sock`, service, use.files));
  }
  bindAddresses(config, tls, use, service, bound);
  const warnings = warningsOf(config, tls);
  for (const warning of warnings) use.log.warn(warning);
  const listeners: Listeners = {
    bound: () => bound.map(({ listener }) => listener),
    warnings: () => warnings,
  };
  return { state: listeners, services: { listeners, routes } };
}

function serviceOf(
  { limits }: HttpConfig,
  { kernel, credentials, clock, host, log }: Use,
  routes: RouteTable,
): HttpService {
  const { bodyBytesMax, bodyTimeoutMs, stallMs } = limits;
  const surface = httpSurface({
    view: kernel,
    version: host.version,
    timer: clock,
    limits: { bodyBytesMax, bodyTimeoutMs, stallMs },
    unexpected: (error, callId) =>
      log.error("The HTTP surface failed", {
        callId,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
  });
  const { failedLoginsPerSecondMax, requestsInFlightMax, idleTimeoutMs } = limits;
  const gate = createGate({ credentials, clock, failedLoginsPerSecondMax });
  return new HttpService({ surface, routes, gate, log, requestsInFlightMax, idleTimeoutMs });
}

function bindAddresses(
  config: HttpConfig,
  tls: Tls | undefined,
  { host, log }: Use,
  service: HttpService,
  bound: Bound[],
): void {
  const named = config.hosts.map((name) => name.toLowerCase());
  let { port } = config;
  for (const [at, address] of config.addresses.entries()) {
    const hosts = isLoopback(address) ? named : [...named, ...namesOf(host, port)];
    const one = { address, port, hosts, tls };
    const opened = at > 0 && address === "::1" ? bindTcpIfThere(one, service, log) : bindTcp(one, service);
    if (opened === undefined) continue;
    bound.push(opened);
    // A free port is chosen once, so that every address has the same.
    port = opened.server.port ?? port;
  }
}

/** A name that only the local network can resolve cannot be an attacker's. */
function namesOf({ hostName }: Host, port: number): readonly string[] {
  const name = hostName.toLowerCase();
  return [`${name}:${port}`, `${name}.local:${port}`];
}

function remoteAddresses({ addresses }: HttpConfig): readonly string[] {
  return addresses.filter((address) => !isLoopback(address));
}

/** @throws OperoneError `invalid_input` */
function assertAllowed(config: HttpConfig): void {
  const remote = remoteAddresses(config);
  if (remote.length > 0 && !config.allowRemote) {
    throw new OperoneError(
      "invalid_input",
      `The address ${remote.join(", ")} can be reached from other machines; set "allowRemote = true" under [http] if that is meant, and tlsCertificate and tlsKey with it`,
    );
  }
  if ((config.tlsCertificate === "") !== (config.tlsKey === "")) {
    throw new OperoneError(
      "invalid_input",
      "Of tlsCertificate and tlsKey under [http] only one is set; set both",
    );
  }
}

const pemBytesMax = 1024 * 1024;

/** @throws OperoneError `not_found` */
async function readTls({ tlsCertificate, tlsKey }: HttpConfig, files: Files): Promise<Tls | undefined> {
  if (tlsCertificate === "") return undefined;
  const [cert, key] = await Promise.all([readPem(tlsCertificate, files), readPem(tlsKey, files)]);
  return { cert, key };
}

async function readPem(path: string, files: Files): Promise<string> {
  const bytes = await files.read(path, pemBytesMax);
  if (bytes !== undefined) return new TextDecoder().decode(bytes);
  throw new OperoneError("not_found", `There is no file ${path}, which the settings of [http] name`);
}

function warningsOf(config: HttpConfig, tls: Tls | undefined): readonly string[] {
  const remote = remoteAddresses(config);
  if (remote.length === 0 || tls !== undefined) return [];
  return [
    `HTTP on ${remote.join(", ")} is open to other machines without encryption: whoever is on the way can read tokens and data. Set tlsCertificate and tlsKey under [http], or take the address out`,
  ];
}

/** Accepts nothing new, lets what is being answered be read, then cuts. */
async function close(
  bound: readonly Bound[],
  service: HttpService,
  drainMs: number,
  clock: Clock,
): Promise<void> {
  for (const { server } of bound) void server.stop(false);
  let stopWaiting = () => {};
  const late = new Promise<void>((resolve) => {
    stopWaiting = clock.after(drainMs, resolve);
  });
  await Promise.race([service.drained(), late]);
  stopWaiting();
  for (const { server } of bound) void server.stop(true);
}
