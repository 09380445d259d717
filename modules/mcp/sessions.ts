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
    if (!this.#makeRoom(visitor)) return refusal(503, -32_000, noRoom);
    return this.#through(await this.#start(visitor, make), request, body, visitor);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopSweep();
    await Promise.all([...this.#byId.values()].map((session) => session.transport.close()));
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

  async #start(visitor: Visitor, make: MakeServer): Promise<Session> {
    const { clock, state } = this.#options;
    const abort = new AbortController();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void this.#byId.set(id, session),
    });
    const server = make(abort.signal, () => session.visitor.identity());
    const session: Session = {
      ...{ transport, server, abort, visitor },
      forget: state.add({ agent: visitor.agent, by: "http", sinceMs: clock.nowMs() }),
      requests: 0,
      usedMs: clock.monotonicMs(),
    };
    const ended = () => void transport.close().catch(() => {});
    const { revoked } = await visitor.identity();
    revoked.addEventListener("abort", ended, { once: true });
    await server.connect(transport);
    const closeServer = transport.onclose;
    transport.onclose = () => {
      revoked.removeEventListener("abort", ended);
      if (transport.sessionId !== undefined) this.#byId.delete(transport.sessionId);
      session.forget();
      abort.abort();
      closeServer?.();
    };
    return session;
  }

  /** Takes the session of the same agent, else of anybody, that was used least lately and has nothing running. */
  #makeRoom(visitor: Visitor): boolean {
    const { sessionsMax, sessionsPerAgentMax } = this.#options.config;
    const own = [...this.#byId.values()].filter((session) => session.visitor.key === visitor.key);
    if (own.length >= sessionsPerAgentMax) return this.#forgetOldest(own);
    return this.#byId.size < sessionsMax || this.#forgetOldest([...this.#byId.values()]);
  }

  #forgetOldest(sessions: readonly Session[]): boolean {
    const [oldest] = sessions
      .filter(({ requests }) => requests === 0)
      .toSorted((a, b) => a.usedMs - b.usedMs);
    if (oldest === undefined) return false;
    void oldest.transport.close();
    return true;
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
