/** Sessions of clients whose revision of the protocol has them (2025-11-25 and older): bounded, owned, forgotten. */
import {
  isInitializeRequest,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import type { Clock, Log } from "../../src/kernel/ports.ts";
import type { McpSession } from "../../src/surface/mcp-session.ts";
import { passedOn } from "./passing.ts";
import type { McpConfig } from "./start.ts";
import type { McpState } from "./state.ts";
import type { Visitor } from "./visitor.ts";

export interface SessionsOptions {
  readonly config: Pick<McpConfig, "sessionsMax" | "sessionsPerAgentMax" | "sessionIdleMs">;
  readonly clock: Clock;
  readonly log: Log;
  readonly state: McpState;
}

type MakeServer = (signal: AbortSignal, identity: McpSession["identity"]) => Server;

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly server: Server;
  readonly abort: AbortController;
  readonly forget: () => void;
  /** Of the newest request: its rights count. */
  visitor: Visitor;
  requests: number;
  usedMs: number;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #byId = new Map<string, Session>();
  /** With those whose beginning is not answered yet. */
  readonly #all = new Set<Session>();
  #stopSweep = () => {};
  #closed = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#sweepLater();
  }

  async answer(request: Request, body: unknown, visitor: Visitor, make: MakeServer): Promise<Response> {
    const id = request.headers.get("mcp-session-id");
    if (id !== null) {
      const session = this.#byId.get(id);
      // The same words for a session that there is not and for one of somebody else.
      if (session === undefined || session.visitor.key !== visitor.key)
        return refusal(404, -32_001, noSession);
      return this.#through(session, request, body, visitor);
    }
    const first = Array.isArray(body) ? body[0] : body;
    if (request.method !== "POST" || !isInitializeRequest(first)) return refusal(400, -32_000, needsSession);
    // Before there is room for it: an agent that there is not takes none.
    const { revoked } = await visitor.identity();
    if (this.#mustGo(visitor.key, 1) === "nobody") return refusal(503, -32_000, noRoom);
    return this.#begun(this.#start(visitor, revoked, make), request, body, visitor);
  }

  /**
   * A beginning that the SDK refuses is no session: nobody could name it, and it would stay for ever. Nor does another
   * have to go for it.
   */
  async #begun(session: Session, request: Request, body: unknown, visitor: Visitor): Promise<Response> {
    try {
      await session.server.connect(session.transport);
      return await this.#through(session, request, body, visitor);
    } finally {
      if (session.transport.sessionId === undefined) await session.transport.close();
      else this.#makeRoom(session);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopSweep();
    await Promise.all([...this.#all].map((session) => session.transport.close()));
  }

  async #through(session: Session, request: Request, body: unknown, visitor: Visitor): Promise<Response> {
    session.visitor = visitor;
    session.requests++;
    session.usedMs = this.#options.clock.monotonicMs();
    const { clock } = this.#options;
    const done = () => {
      session.requests--;
      session.usedMs = clock.monotonicMs();
    };
    try {
      const given = body === undefined ? {} : { parsedBody: body };
      const response = await session.transport.handleRequest(request, given);
      return passedOn(response, visitor.visit, clock, done);
    } catch (error) {
      done();
      throw error;
    }
  }

  #start(visitor: Visitor, revoked: AbortSignal, make: MakeServer): Session {
    const { clock, state } = this.#options;
    const abort = new AbortController();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void this.#byId.set(id, session),
    });
    const server = make(abort.signal, () => session.visitor.identity());
    const session: Session = {
      ...{ transport, server, abort, visitor },
      forget: state.add({ agent: visitor.agent, by: "http", sinceMs: clock.nowMs() }, visitor.key),
      requests: 0,
      usedMs: clock.monotonicMs(),
    };
    this.#all.add(session);
    const ended = () => void transport.close().catch(() => {});
    revoked.addEventListener("abort", ended, { once: true });
    // Before the server is connected, which puts its own end behind this one.
    transport.onclose = () => {
      revoked.removeEventListener("abort", ended);
      this.#all.delete(session);
      if (transport.sessionId !== undefined) this.#byId.delete(transport.sessionId);
      session.forget();
      abort.abort();
    };
    return session;
  }

  /** @param more sessions that are to come, of this agent */
  #mustGo(key: string, more: number, besides?: Session): Session | "nobody" | undefined {
    const { sessionsMax, sessionsPerAgentMax } = this.#options.config;
    const all = [...this.#all];
    const own = all.filter((session) => session.visitor.key === key);
    const isCrowded = own.length + more > sessionsPerAgentMax;
    if (!isCrowded && all.length + more <= sessionsMax) return undefined;
    const [oldest] = (isCrowded ? own : all)
      .filter((one) => one.requests === 0 && one.transport.sessionId !== undefined && one !== besides)
      .toSorted((a, b) => a.usedMs - b.usedMs);
    return oldest ?? "nobody";
  }

  /** Takes the session of the same agent, else of anybody, that was used least lately and has nothing running. */
  #makeRoom(begun: Session): void {
    const oldest = this.#mustGo(begun.visitor.key, 0, begun);
    if (oldest !== undefined && oldest !== "nobody") void oldest.transport.close();
  }

  #sweepLater(): void {
    const { clock, config } = this.#options;
    this.#stopSweep = clock.after(config.sessionIdleMs / 4, () => {
      if (this.#closed) return;
      const oldestMs = clock.monotonicMs() - config.sessionIdleMs;
      for (const { requests, usedMs, transport } of this.#byId.values())
        if (requests === 0 && usedMs < oldestMs) void transport.close();
      this.#sweepLater();
    });
  }
}

const noSession = "There is no such session any more; send initialize for a new one";
const needsSession = "A request without a session must be initialize, by POST";
const noRoom = "Too many sessions are in use; end one of them with DELETE";

function refusal(status: number, code: number, message: string): Response {
  return Response.json(
    { jsonrpc: "2.0", id: null, error: { code, message } },
    { status, headers: { "cache-control": "no-store" } },
  );
}
