/** One Bun server behind one door: admits, counts, answers, and lets nobody hold it. */
import type { Server, ServerWebSocket, WebSocketHandler } from "bun";
import type { Caller, GrantSet } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Log } from "../../src/kernel/ports.ts";
import type { HttpHooks, HttpSurface } from "../../src/surface/http.ts";
import type { MessageCall } from "../../src/surface/http-messages.ts";
import { problemResponse } from "../../src/surface/http-problem.ts";
import { webSocketProtocol } from "../../src/surface/http-wire.ts";
import type { Identity } from "../access/contract.ts";
import type { RouteVisit } from "./contract.ts";
import type { Gate } from "./gate.ts";
import type { Door, Refusal } from "./guard.ts";
import { Revocations } from "./revocations.ts";
import type { RouteTable } from "./routes.ts";

export interface ServiceOptions {
  readonly surface: HttpSurface;
  readonly routes: RouteTable;
  readonly gate: Gate;
  readonly log: Log;
  readonly requestsInFlightMax: number;
  readonly idleTimeoutMs: number;
}

/** What rides on a WebSocket. */
interface SocketData {
  readonly call: MessageCall;
  readonly visit: Visit;
}

/** A request that was let in, until its answer is over. */
class Visit implements RouteVisit, HttpHooks {
  readonly caller: Caller;
  readonly sets: readonly GrantSet[];
  readonly revoked: AbortSignal;
  readonly #controller = new AbortController();
  readonly #onLeave: () => void;
  #left = false;
  /** Whether it goes on after its response was handed over. */
  streaming = false;

  constructor({ caller, sets, revoked }: Identity, onLeave: () => void) {
    this.caller = caller;
    this.sets = sets;
    this.revoked = revoked;
    this.#onLeave = onLeave;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  streams(): () => void {
    this.streaming = true;
    return () => this.leave();
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#onLeave();
  }
}

const clientLeft = new OperoneError("cancelled", "The client went away");

export type HttpServer = Server<SocketData>;

/** Without `idleTimeout`, which holds for Unix sockets too, but not in the types of Bun. */
export interface ServerSettings {
  readonly development: false;
  readonly maxRequestBodySize: number;
  fetch(request: Request, server: HttpServer): Promise<Response | undefined>;
  error(error: Error): Response;
  readonly websocket: WebSocketHandler<SocketData>;
}

/** The part that all doors share: the limits count over all of them. */
export class HttpService {
  readonly #options: ServiceOptions;
  readonly #idleTimeoutSeconds: number;
  readonly #revocations = new Revocations();
  #inFlight = 0;
  #waiting: (() => void)[] = [];

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#idleTimeoutSeconds = Math.ceil(options.idleTimeoutMs / 1_000);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Resolves when nothing is being answered. */
  drained(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** What `Bun.serve` needs besides an address. */
  settings(door: Door): ServerSettings {
    const settings = {
      // Never the error page of the development mode: it shows sources.
      development: false as const,
      idleTimeout: this.#idleTimeoutSeconds,
      // Bytes that an operation takes may be endless; JSON has its own limit.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request: Request, server: HttpServer) => this.#answer(door, request, server),
      error: (error: Error) => this.#failed(error),
      websocket: this.#websocket,
    };
    return settings;
  }

  /** Room that no token can fill is left for the owner, who must be able to revoke the token that fills the rest. */
  #room({ kind }: Door): number {
    const { requestsInFlightMax } = this.#options;
    return kind === "unix" ? requestsInFlightMax + ownerRequestsMax : requestsInFlightMax;
  }

  async #answer(door: Door, request: Request, server: HttpServer): Promise<Response | undefined> {
    try {
      const gate = this.#options.gate(door, request);
      const admission = gate instanceof Promise ? await gate : gate;
      if ("refused" in admission) return this.#refused(request, admission.refused);
      if (this.#inFlight >= this.#room(door)) return refusal(tooManyRequests);
      const visit = this.#enter(request, server, admission.identity);
      if (request.headers.has("upgrade") && isWebSocket(request))
        return this.#upgrade(request, server, visit);
      const route = this.#options.routes.at(request.url);
      const response =
        route === undefined
          ? await this.#options.surface.fetch(request, visit, visit)
          : await route.fetch(request, visit);
      if (!visit.streaming) visit.leave();
      return response;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** What a route has to say to a stranger it says itself; the rest is told nothing. */
  #refused(request: Request, refused: Refusal): Response {
    if (refused.code !== "unauthenticated") return refusal(refused);
    const route = this.#options.routes.at(request.url);
    return route?.stranger?.(request) ?? refusal(refused, route?.challenge?.(request));
  }

  /** From here on the request counts, and ends when the client leaves or the credential is revoked. */
  #enter(request: Request, server: HttpServer, identity: Identity): Visit {
    const visit = new Visit(identity, () => this.#leave(visit, request, server));
    // Not taken away afterwards: it goes with the request, and taking it away costs as much as a short call.
    request.signal.addEventListener("abort", () => visit.abort(clientLeft), { once: true });
    this.#revocations.watch(identity.revoked, visit);
    this.#inFlight++;
    // The runtime's timer counts from the last byte that came, whatever is being sent. An answer may take longer
    // than that, so it is ours to limit until it is over.
    server.timeout(request, 0);
    return visit;
  }

  #leave(visit: Visit, request: Request, server: HttpServer): void {
    this.#revocations.forget(visit.revoked, visit);
    if (!visit.signal.aborted) server.timeout(request, this.#idleTimeoutSeconds);
    this.#inFlight--;
    if (this.#inFlight > 0 || this.#waiting.length === 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #upgrade(request: Request, server: HttpServer, visit: Visit): Response | undefined {
    const route = this.#options.routes.at(request.url);
    if (route !== undefined && route.socket === undefined) {
      visit.leave();
      return refusal({ code: "unsupported", message: "There is no WebSocket at this path" });
    }
    const call = route?.socket?.(request, visit) ?? this.#options.surface.messages(request, visit);
    const offered =
      request.headers
        .get("sec-websocket-protocol")
        ?.split(",")
        .map((name) => name.trim()) ?? [];
    // Without our name among them the runtime selects the first, which a client that offers one alone insists on.
    const headers = offered.includes(webSocketProtocol)
      ? { "sec-websocket-protocol": webSocketProtocol }
      : {};
    if (server.upgrade(request, { data: { call, visit }, headers })) return undefined;
    visit.leave();
    return refusal({ code: "invalid_input", message: "The request to open a WebSocket is incomplete" });
  }

  readonly #websocket = {
    // Larger frames close the connection (1009) before they are in memory.
    maxPayloadLength: 1024 * 1024,
    // A client that answers no ping for this long is gone.
    idleTimeout: 60,
    perMessageDeflate: false,
    open(socket: ServerWebSocket<SocketData>) {
      socket.data.call.opened({
        send: (frame) => socket.send(frame) > 0,
        close: (code, reason) => socket.close(code, reason),
        cut: () => socket.terminate(),
      });
    },
    message(socket: ServerWebSocket<SocketData>, frame: string | Buffer) {
      socket.data.call.received(frame);
    },
    drain(socket: ServerWebSocket<SocketData>) {
      socket.data.call.drained();
    },
    close(socket: ServerWebSocket<SocketData>) {
      socket.data.call.closed();
      socket.data.visit.leave();
    },
  };

  #failed(error: unknown): Response {
    this.#options.log.error("A request failed unexpectedly", {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return problemResponse(error, { headers: { connection: "close" } });
  }
}

function isWebSocket(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Beyond what all others may have in flight. */
const ownerRequestsMax = 64;

const tooManyRequests: Refusal = {
  code: "limited",
  message: "Too many requests are being answered; try again later",
};

/** A bare problem document. The connection ends with it: what else is on it does not matter any more. */
function refusal({ code, message }: Refusal, challenge?: string): Response {
  return problemResponse(new OperoneError(code, message), {
    headers: {
      connection: "close",
      ...(code === "unauthenticated" ? { "www-authenticate": challenged(challenge) } : {}),
      ...(code === "limited" ? { "retry-after": "1" } : {}),
    },
  });
}

function challenged(parameters: string | undefined): string {
  return parameters === undefined ? "Bearer" : `Bearer ${parameters}`;
}
