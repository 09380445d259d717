/** The requests about tools: which there are, and calls of them. Every call goes through the one dispatcher. */
import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
  type Tool,
} from "@modelcontextprotocol/server";
import * as v from "valibot";
import type { AuthorityContext } from "../kernel/authority.ts";
import type { Call } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import type { Operation, Progress } from "../kernel/operation.ts";
import { selectsMany } from "../kernel/selector.ts";
import { frontInput, toolInput } from "./mcp-arguments.ts";
import { type Asking, withQuestions } from "./mcp-asking.ts";
import { type Catalogue, catalogueOf, type ShownTool, shownTool, UnknownTool } from "./mcp-catalogue.ts";
import { errorResult, toolResult } from "./mcp-result.ts";
import type { Json } from "./mcp-schema.ts";
import type { McpSession } from "./mcp-session.ts";
import { joined } from "./mcp-signal.ts";
import { capabilitiesOf } from "./mcp-state.ts";

type Given = Readonly<Record<string, unknown>>;

/** Tools about tools: what is in no list is found, looked at and called by these. */
const metaTools: readonly (ShownTool & {
  run(tools: Tools, given: Given, context: ServerContext, asking: Asking): Promise<CallToolResult>;
})[] = [
  {
    name: "search_tools",
    description: "Find more tools by words",
    inputSchema: { type: "object", properties: { query: { type: "string" } } },
    annotations: { readOnlyHint: true },
    run: (tools, given) => tools.search(given),
  },
  {
    name: "get_tool_details",
    description: "All arguments of a tool",
    inputSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    annotations: { readOnlyHint: true },
    run: (tools, given) => tools.details(given),
  },
  {
    name: "call_tool",
    description: "Call any tool",
    inputSchema: {
      type: "object",
      properties: { name: { type: "string" }, arguments: { type: "object" } },
      required: ["name"],
    },
    run: (tools, given, context, asking) => tools.callNamed(given, context, asking),
  },
];

/** Installs tools/list and tools/call. */
export function installTools(server: Server, session: McpSession): void {
  const tools = new Tools(session);
  server.registerCapabilities({ tools: { listChanged: true } });
  server.setRequestHandler("tools/list", async () => ({ tools: onWire(await tools.list()) }));
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    const callId = session.newCallId();
    try {
      return await withQuestions(session, capabilitiesOf(server, context), context, async (asking) => {
        try {
          return await tools.call(params.name, params.arguments ?? {}, context, callId, asking);
        } catch (error) {
          // A call that goes on as a task has nobody else to tell it to.
          if (asking.answered.aborted && error instanceof OperoneError && error.code !== "internal")
            return errorResult(error, callId);
          throw error;
        }
      });
    } catch (error) {
      // The protocol has words of its own for a tool that there is not.
      if (error instanceof UnknownTool && error.tool === params.name)
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, error.message);
      if (!(error instanceof OperoneError)) session.unexpected(error, callId);
      return errorResult(error, callId);
    }
  });
}

/** The same as plain JSON: what the SDK sends must not lead back into the schemas of operations. */
function onWire(tools: readonly ShownTool[]): Tool[] {
  return JSON.parse(JSON.stringify(tools)) as Tool[];
}

class Tools {
  readonly #session: McpSession;
  readonly #catalogue: Catalogue;
  #running = 0;

  constructor(session: McpSession) {
    this.#session = session;
    this.#catalogue = catalogueOf(session);
  }

  async list(): Promise<ShownTool[]> {
    const authority = await this.#authority();
    const shown = this.#session.listAll ? this.#catalogue.whole(authority) : this.#catalogue.front(authority);
    return [...shown, ...metaTools.map(({ run: _, ...tool }) => tool)];
  }

  /** A request that was cancelled has no answer, and counts as none; what it began counts until it has ended. */
  async call(
    name: string,
    given: Given,
    context: ServerContext,
    callId: string,
    asking: Asking,
  ): Promise<CallToolResult> {
    const { callsMax } = this.#session.limits;
    if (this.#running >= callsMax)
      throw new OperoneError(
        "limited",
        `${callsMax} calls of yours have not ended yet; wait for some of them`,
      );
    this.#running++;
    try {
      const meta = metaTools.find((tool) => tool.name === name);
      return await (meta === undefined
        ? this.#run(name, given, context, callId, asking)
        : meta.run(this, given, context, asking));
    } finally {
      this.#running--;
    }
  }

  async #authority(): Promise<AuthorityContext> {
    return this.#session.authority(await this.#session.identity());
  }

  async search(given: Given): Promise<CallToolResult> {
    const query = words(given, "search_tools", "query", "");
    const { queryLengthMax } = this.#session.limits;
    if (query.length > queryLengthMax) {
      throw new OperoneError(
        "invalid_input",
        `The query for search_tools has ${query.length} characters, and may have ${queryLengthMax}; a few words find more`,
      );
    }
    const { tools, total } = this.#catalogue.search(await this.#authority(), query);
    const lines = tools.map(({ name, summary }) => `${String(name)}: ${String(summary)}`);
    const rest = total > tools.length ? [`[${total - tools.length} more fit; use other words]`] : [];
    const nothing = `Nothing fits ${JSON.stringify(query.slice(0, 100))}; an empty query lists every tool`;
    return {
      content: [{ type: "text", text: lines.length === 0 ? nothing : [...lines, ...rest].join("\n") }],
      structuredContent: { tools: [...tools], total },
    };
  }

  async details(given: Given): Promise<CallToolResult> {
    const name = words(given, "get_tool_details", "name");
    const { operation } = this.#catalogue.find(await this.#authority(), name);
    const { icons: _, ...tool } = shownTool(operation);
    const details = { ...tool, examples: operation.examples.map(({ input }) => input) };
    return {
      content: [{ type: "text", text: JSON.stringify(details) }],
      structuredContent: details,
    };
  }

  async callNamed(given: Given, context: ServerContext, asking: Asking): Promise<CallToolResult> {
    const name = words(given, "call_tool", "name");
    const inner = given.arguments ?? {};
    if (Array.isArray(inner) || !v.is(v.record(v.string(), v.unknown()), inner)) {
      throw new OperoneError("invalid_input", `The arguments for "${name}" must be an object; {} for none`);
    }
    if (metaTools.some((tool) => tool.name === name)) {
      throw new OperoneError("invalid_input", `"${name}" is called by itself and not through call_tool`);
    }
    return this.#run(name, inner, context, this.#session.newCallId(), asking);
  }

  async #run(
    name: string,
    given: Given,
    context: ServerContext,
    callId: string,
    asking: Asking,
  ): Promise<CallToolResult> {
    const session = this.#session;
    const identity = await session.identity();
    const { operation, front } = this.#catalogue.find(session.authority(identity), name);
    const { input, node, bytes } = toolInput(
      operation,
      front === undefined ? given : frontInput(front, given),
    );
    const { caller, sets, revoked } = identity;
    const target = node ?? session.node;
    const { signal, release } = joined([identity.revoked, asking.signal]);
    const told = progressOf(context, session, asking.answered);
    const noted = notesOf(context, session, asking.answered);
    const call: Call = {
      surface: "mcp",
      operation: operation.id,
      input,
      ...{ caller, sets, signal, revoked, callId },
      asker: asking.asker,
      ...(target === undefined || !isRoutable(operation, node) ? {} : { node: target }),
      ...(bytes === undefined ? {} : { bytes }),
      onProgress(progress) {
        told?.(progress);
        noted(progress);
        asking.onProgress(progress);
      },
      ...(asking.onAsking === undefined ? {} : { onAsking: asking.onAsking }),
    };
    try {
      const answer = await session.view.call(call);
      const many = answer.gives === "items" && selectsMany(call.node);
      return await toolResult(
        {
          ...{ operation, front, many, limits: session.limits },
          ...(told === undefined ? {} : { onItem: (done: number) => told({ done, unit: "items" }) }),
        },
        answer,
      );
    } finally {
      release();
    }
  }
}

/** A node that a connection works on by itself is meant only where there is a choice. */
function isRoutable({ surfaces }: Operation, named: string | undefined): boolean {
  return named !== undefined || surfaces.includes("mesh");
}

function words(given: Given, tool: string, name: string, usual?: string): string {
  const value = given[name] ?? usual;
  if (typeof value === "string") return value;
  throw new OperoneError("invalid_input", `${tool} needs "${name}", a string, and was given ${shown(value)}`);
}

function shown(value: unknown): string {
  return value === undefined ? "none" : (JSON.stringify(value) ?? "none").slice(0, 100);
}

/** What is said on the way, for clients that show a log. At most one in `progressEveryMs`; the newest is never lost. */
function notesOf(
  { mcpReq }: ServerContext,
  { limits, timer }: McpSession,
  answered: AbortSignal,
): (progress: Progress) => void {
  let waiting = false;
  let newest: string | undefined;
  let last: string | undefined;
  const send = () => {
    waiting = false;
    if (newest === undefined || newest === last || mcpReq.signal.aborted || answered.aborted) return;
    last = newest;
    void mcpReq.log("info", newest).catch(() => {});
    waiting = true;
    timer.after(limits.progressEveryMs, send);
  };
  return ({ note }) => {
    if (note === undefined) return;
    newest = note;
    if (!waiting) send();
  };
}

/** Undefined unless the client asked for it. At most one in `progressEveryMs`; a client that is behind misses some. */
function progressOf(
  { mcpReq }: ServerContext,
  { limits, timer }: McpSession,
  answered: AbortSignal,
): ((progress: Progress) => void) | undefined {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  let waiting = false;
  let highest = -1;
  let newest: Progress | undefined;
  const send = () => {
    waiting = false;
    if (newest === undefined || mcpReq.signal.aborted || answered.aborted) return;
    const { done, total, note, unit } = newest;
    newest = undefined;
    // The protocol wants it to rise with each notification.
    const progress = Math.max(done, highest + (done > highest ? 0 : 1e-6));
    highest = progress;
    const message = note ?? (unit === undefined ? undefined : `${done} ${unit}`);
    const params: Json = {
      progressToken,
      progress,
      ...(total === undefined ? {} : { total }),
      ...(message === undefined ? {} : { message }),
    };
    void mcpReq.notify({ method: "notifications/progress", params }).catch(() => {});
    waiting = true;
    timer.after(limits.progressEveryMs, send);
  };
  return (progress) => {
    newest = progress;
    if (!waiting) send();
  };
}
