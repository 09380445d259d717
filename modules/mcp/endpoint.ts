/**
 * `/mcp`: Streamable HTTP of both eras of the protocol on one path. A request of revision 2026-07-28 stands for itself;
 * of an older one it belongs to a session. A WebSocket at the path is the stream of `operone mcp`.
 */
import { Buffer } from "node:buffer";
import {
  type AuthInfo,
  createMcpHandler,
  InMemoryServerEventBus,
  isLegacyRequest,
  type McpHttpHandler,
} from "@modelcontextprotocol/server";
import { errorCodes, OperoneError } from "../../src/kernel/error.ts";
import { bodyMediaType, readJson } from "../../src/surface/http-body.ts";
import { httpLimits } from "../../src/surface/http-limits.ts";
import type { MessageCall } from "../../src/surface/http-messages.ts";
import { targetOf } from "../../src/surface/http-request.ts";
import { mcpServer } from "../../src/surface/mcp.ts";
import { mcpLimits } from "../../src/surface/mcp-limits.ts";
import { isListen, Listening } from "../../src/surface/mcp-listening.ts";
import { announceLists, ListWatch } from "../../src/surface/mcp-lists.ts";
import { assertKnown, type McpProfile, profileFromQuery } from "../../src/surface/mcp-profile.ts";
import { type McpSession, type McpSessionOptions, mcpSession } from "../../src/surface/mcp-session.ts";
import { joined } from "../../src/surface/mcp-signal.ts";
import { mcpStream, refusedStream } from "../../src/surface/mcp-stream.ts";
import { TaskBook } from "../../src/surface/mcp-task-book.ts";
import type { RouteVisit } from "../http/contract.ts";
import { passedOn } from "./passing.ts";
import { Sessions } from "./sessions.ts";
import type { McpConfig, McpUse } from "./start.ts";
import type { McpState } from "./state.ts";
import { type Visitor, visitorOf } from "./visitor.ts";

export interface EndpointOptions {
  readonly config: McpConfig;
  readonly use: McpUse;
  readonly state: McpState;
}

/** A request of an agent, and which tools it asks for. */
export interface AgentRequest {
  readonly visitor: Visitor;
  readonly profile: McpProfile;
  readonly listAll: boolean;
  readonly node: string | undefined;
}

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #sessions: Sessions;
  readonly #modern: McpHttpHandler;
  readonly #closing = new AbortController();
  /** How the SDK's factory finds the request that it makes a server for. */
  readonly #asked = new WeakMap<AuthInfo, AgentRequest>();
  readonly #stateKey: Uint8Array;
  readonly #tasks: TaskBook;

  constructor(options: EndpointOptions) {
    this.#options = options;
    const { config, use, state } = options;
    this.#stateKey = use.random.bytes(32);
    this.#tasks = new TaskBook({
      timer: use.clock,
      nowMs: () => use.clock.nowMs(),
      newId: () => Buffer.from(use.random.bytes(16)).toString("hex"),
    });
    this.#sessions = new Sessions({ config, clock: use.clock, log: use.log, state });
    this.#modern = createMcpHandler(
      ({ authInfo }) => {
        const asked = authInfo === undefined ? undefined : this.#asked.get(authInfo);
        if (asked === undefined) throw new Error("A request came that nobody let in");
        return mcpServer(this.#session(asked, asked.visitor.visit.signal));
      },
      { legacy: "reject", onerror: () => {} },
    );
  }

  async fetch(request: Request, visit: RouteVisit): Promise<Response> {
    try {
      const asked = this.#agentRequest(request, visit);
      const body = request.method === "POST" ? await this.#body(request) : undefined;
      return await this.#answer(request, asked, body);
    } catch (error) {
      return failure(error, this.#options.use.log);
    }
  }

  async #answer(request: Request, asked: AgentRequest, body: unknown): Promise<Response> {
    if (await isLegacyRequest(request, body)) {
      return this.#sessions.answer(request, body, asked.visitor, (signal, identity) =>
        mcpServer(this.#session(asked, signal, identity), [announceLists]),
      );
    }
    if (isListen(body)) return await this.#listen(request, asked, body);
    const authInfo: AuthInfo = { token: "", clientId: asked.visitor.agent, scopes: [] };
    this.#asked.set(authInfo, asked);
    const given = { authInfo, ...(body === undefined ? {} : { parsedBody: body }) };
    const { visit } = asked.visitor;
    return passedOn(await this.#modern.fetch(request, given), visit, this.#options.use.clock, () => {});
  }

  /** With a source of events of its own: what one agent hears of is nothing for another. */
  async #listen(request: Request, asked: AgentRequest, body: unknown): Promise<Response> {
    const { visit } = asked.visitor;
    const session = this.#session(asked, visit.signal);
    const bus = new InMemoryServerEventBus();
    const listening = new Listening(session, (uri) => bus.publish({ kind: "resource_updated", uri }));
    const handler = createMcpHandler(() => mcpServer(session), { legacy: "reject", bus, onerror: () => {} });
    const lists = new ListWatch(session, (list) => bus.publish({ kind: `${list}_list_changed` }));
    const ended = () => {
      listening.close();
      lists.close();
      void handler.close();
    };
    try {
      const parsedBody = await listening.begin(body, body);
      await lists.begun();
      return passedOn(await handler.fetch(request, { parsedBody }), visit, this.#options.use.clock, ended);
    } catch (error) {
      ended();
      throw error;
    }
  }

  socket(request: Request, visit: RouteVisit): MessageCall {
    try {
      return this.#stream(this.#agentRequest(request, visit), visit.signal);
    } catch (error) {
      return refusedStream(error);
    }
  }

  /** @throws OperoneError `limited` */
  #stream(asked: AgentRequest, signal: AbortSignal): MessageCall {
    const { state, use } = this.#options;
    const { agent, key } = asked.visitor;
    this.#assertRoom(key);
    const forget = state.add({ agent, by: "stdio", sinceMs: use.clock.nowMs() }, key);
    const end = joined([signal, this.#closing.signal]);
    return mcpStream({
      session: (ended) => this.#session(asked, ended),
      signal: end.signal,
      ended() {
        end.release();
        forget();
      },
    });
  }

  #assertRoom(key: string): void {
    const { state, config } = this.#options;
    const full = (count: number, whose: string, setting: string) =>
      new OperoneError(
        "limited",
        `${count} programs ${whose} are connected already; end one of them, or raise mcp.${setting}`,
      );
    if (state.count("stdio", key) >= config.connectionsPerAgentMax)
      throw full(config.connectionsPerAgentMax, "of this agent", "connectionsPerAgentMax");
    if (state.count("stdio") >= config.connectionsMax)
      throw full(config.connectionsMax, "of all agents", "connectionsMax");
  }

  async close(): Promise<void> {
    this.#closing.abort(new OperoneError("unavailable", "The node is stopping; start again when it is back"));
    this.#tasks.close();
    await Promise.all([this.#modern.close(), this.#sessions.close()]);
  }

  /** @throws OperoneError `invalid_input` for a query that there is not, and what `visitorOf` throws */
  #agentRequest(request: Request, visit: RouteVisit): AgentRequest {
    const query = new URLSearchParams(targetOf(request.url).query);
    const node = query.get("node") ?? undefined;
    const listAll = query.get("list") === "all";
    for (const name of ["node", "list"]) query.delete(name);
    const profile = profileFromQuery(query);
    assertKnown(profile, this.#options.use.kernel.table);
    return { visitor: visitorOf(request, visit, this.#options.use.agents), profile, listAll, node };
  }

  #session(
    { visitor, profile, listAll, node }: AgentRequest,
    signal: AbortSignal,
    identity: McpSession["identity"] = () => visitor.identity(),
  ): McpSession {
    const { config, use } = this.#options;
    return mcpSession({
      view: use.kernel,
      version: use.host.version,
      agent: visitor.agent,
      identity,
      profiles: [config, profile],
      ...{ signal, listAll },
      ...ownerOf(visitor),
      stateKey: this.#stateKey,
      tasks: { book: this.#tasks, owner: visitor.key },
      ...(node === undefined ? {} : { node }),
      timer: use.clock,
      nowMs: () => use.clock.nowMs(),
      nodeNames: use.names.all,
      unexpected: (error, callId) =>
        use.log.error("The MCP surface failed", {
          callId,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
    });
  }

  /** @throws OperoneError `unsupported_media`, `too_large`, `deadline`, `invalid_input` */
  #body(request: Request): Promise<unknown> {
    bodyMediaType(request, ["application/json"]);
    const limits = { ...httpLimits, bodyBytesMax: mcpLimits.messageBytesMax };
    return readJson(request, limits, this.#options.use.clock);
  }
}

/** JSON-RPC 2.0, section 5.1. */
const rpcCodes = { parse: -32_700, request: -32_600, internal: -32_603 } as const;

function failure(error: unknown, log: McpUse["log"]): Response {
  const known = error instanceof OperoneError ? error : undefined;
  if (known === undefined) {
    log.error("The MCP endpoint failed", {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
  const code =
    known === undefined ? rpcCodes.internal : /JSON/.test(known.message) ? rpcCodes.parse : rpcCodes.request;
  const message = known?.message ?? "The request failed inside the node; its log has the cause";
  return Response.json(
    { jsonrpc: "2.0", id: null, error: { code, message, data: { code: known?.code ?? "internal" } } },
    {
      status: errorCodes[known?.code ?? "internal"].http,
      headers: { "cache-control": "no-store", connection: "close" },
    },
  );
}

/**
 * Whoever opened the owner's socket can do everything that the owner can; so a question that its client shows is shown
 * to the owner. The holder of a token is somebody else: what it needs approved waits in the queue.
 */
function ownerOf({ visit }: Visitor): Pick<McpSessionOptions, "owner"> {
  const { caller, sets } = visit;
  return caller.kind === "owner" ? { owner: { caller, sets } } : {};
}
