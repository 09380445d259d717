/**
 * One agent's connection over a WebSocket, which `operone mcp` pumps between a program's standard streams and the node.
 *
 * To the node, binary frames are pieces of the program's output as they come, JSON-RPC messages a line each; the text
 * frame `end` says that no more will come. To the program, a text frame is one message with its line's end. A binary
 * frame to the program is for the one who pumps: `{ error: { code, message } }`, before the node closes.
 *
 * What cannot be a message is answered as JSON-RPC 2.0 says, and the next line is read. Who does not read the answers
 * is not read either, and is cut in the end.
 */
import { Buffer } from "node:buffer";
import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type Server,
  type Transport,
} from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { errorBody, OperoneError } from "../kernel/error.ts";
import { parseJson } from "./http-body.ts";
import type { MessageCall, MessageSocket } from "./http-messages.ts";
import { type McpPart, mcpServer } from "./mcp.ts";
import { LineBuffer } from "./mcp-lines.ts";
import { isListen, Listening } from "./mcp-listening.ts";
import { ListWatch, tellChanged } from "./mcp-lists.ts";
import type { McpSession } from "./mcp-session.ts";

const endFrame = "end";

export interface McpStreamOptions {
  /** @param signal aborted when the connection ends */
  session(signal: AbortSignal): McpSession;
  readonly parts?: readonly McpPart[];
  /** Aborted when whoever let it in has to end it. */
  readonly signal: AbortSignal;
  /** Called once, when nothing of it is left. */
  ended?(): void;
}

/** JSON-RPC 2.0, section 5.1, and the first code that it leaves to servers. */
const rpcCode = { parse: -32_700, request: -32_600, internal: -32_603, busy: -32_000 } as const;

export function mcpStream(options: McpStreamOptions): MessageCall {
  return new McpStream(options);
}

const passing: ReadonlySet<string> = new Set(["notifications/progress", "notifications/message"]);

/** For whom there is none: the reason, and the end. */
export function refusedStream(error: unknown): MessageCall {
  return {
    opened(socket) {
      socket.send(goodbye(error));
      socket.close(closeCode.policy, "");
    },
    received() {},
    drained() {},
    closed() {},
  };
}

function goodbye(reason: unknown): Uint8Array {
  return Buffer.from(JSON.stringify({ error: errorBody(reason) }));
}

/** RFC 6455, 7.4.1. */
const closeCode = { normal: 1000, policy: 1008 } as const;

type RequestId = string | number;

class McpStream implements MessageCall, Transport {
  onmessage?: Transport["onmessage"];
  onclose?: () => void;
  onerror?: (error: Error) => void;
  readonly #options: McpStreamOptions;
  readonly #abort = new AbortController();
  readonly #session: McpSession;
  readonly #lines: LineBuffer;
  readonly #follow = () => this.#end(this.#options.signal.reason);
  /** Requests that are not answered yet. */
  readonly #open = new Set<RequestId>();
  /** Lines that came while the client was behind, and answers that wait for it. */
  #incoming: (string | OperoneError)[] = [];
  #incomingBytes = 0;
  #outgoing: string[] = [];
  #behind = false;
  #over = false;
  #inputEnded = false;
  #socket: MessageSocket | undefined;
  /** The one that serves the connection: the last that was made. */
  #server: Server | undefined;
  readonly #listening: Listening;
  readonly #lists: ListWatch;
  #stopStall = () => {};
  #stopFinish = () => {};
  #stopCut = () => {};
  #unwatch = () => {};

  constructor(options: McpStreamOptions) {
    this.#options = options;
    this.#session = options.session(this.#abort.signal);
    this.#lines = new LineBuffer(this.#session.limits.messageBytesMax);
    this.#listening = new Listening(this.#session, (uri) => {
      this.#server?.sendResourceUpdated({ uri }).catch(() => {});
    });
    this.#lists = new ListWatch(this.#session, (list) => {
      if (this.#server !== undefined) void tellChanged(this.#server, list);
    });
  }

  opened(socket: MessageSocket): void {
    this.#socket = socket;
    const { signal, parts } = this.#options;
    if (signal.aborted) {
      this.#end(signal.reason);
      return;
    }
    signal.addEventListener("abort", this.#follow, { once: true });
    const make = () => {
      this.#server = mcpServer(this.#session, parts);
      return this.#server;
    };
    serveStdio(make, { transport: this, onerror: () => {} });
    // An agent that there is not learns it now, and not at its first call.
    void this.#watch().catch((error: unknown) => this.#end(error));
  }

  async #watch(): Promise<void> {
    const { revoked } = await this.#session.identity();
    const end = () => this.#end(revoked.reason);
    if (revoked.aborted) {
      end();
      return;
    }
    revoked.addEventListener("abort", end, { once: true });
    this.#unwatch = () => revoked.removeEventListener("abort", end);
    if (this.#over) this.#unwatch();
  }

  received(frame: string | Uint8Array): void {
    if (this.#over || this.#inputEnded) return;
    if (typeof frame === "string") {
      if (frame === endFrame) this.#endInput();
      return;
    }
    for (const line of this.#lines.add(frame)) this.#take(line);
  }

  drained(): void {
    this.#stopStall();
    this.#behind = false;
    while (!this.#behind && this.#outgoing.length > 0) this.#write(this.#outgoing.shift() ?? "");
    const waiting = this.#incoming;
    this.#incoming = [];
    this.#incomingBytes = 0;
    for (const line of waiting) this.#take(line);
    this.#finishIfDone();
  }

  closed(): void {
    this.#socket = undefined;
    this.#stopCut();
    this.#end(new OperoneError("cancelled", "The agent's program went away"));
  }

  async start(): Promise<void> {}

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#over) return;
    if ("id" in message && message.id !== undefined && !("method" in message)) this.#open.delete(message.id);
    // Of a client that is behind, what tells how far something has come would only be old when it is read.
    const isPassing = "method" in message && passing.has(message.method);
    if (!(isPassing && this.#behind)) this.#say(`${JSON.stringify(message)}\n`);
    this.#finishIfDone();
  }

  async close(): Promise<void> {
    this.#end(undefined);
  }

  /** @param line an error in place of one that cannot be read: it has an answer too, and waits as others do */
  #take(line: string | OperoneError): void {
    if (this.#over || (typeof line === "string" && line.trim() === "")) return;
    if (!this.#behind) {
      this.#deliver(line);
      return;
    }
    const { waitingMax, waitingBytesMax } = this.#session.limits;
    this.#incomingBytes += typeof line === "string" ? line.length : 0;
    if (this.#incoming.length >= waitingMax || this.#incomingBytes > waitingBytesMax) {
      this.#end(
        new OperoneError("limited", "More was sent while the answers were not read; read them first"),
      );
      return;
    }
    this.#incoming.push(line);
  }

  #deliver(line: string | OperoneError): void {
    if (line instanceof OperoneError) {
      this.#refuse(rpcCode.parse, line.message);
      return;
    }
    const message = this.#read(line);
    if (message === undefined || !this.#counted(message)) return;
    if (isListen(message) && "id" in message) void this.#listen(message, message.id);
    else this.onmessage?.(message);
  }

  /** What the SDK is to promise is watched first; it may be cancelled meanwhile. */
  async #listen(message: JSONRPCMessage, id: RequestId | undefined): Promise<void> {
    try {
      const asked = await this.#listening.begin(id, message);
      if (this.#over || id === undefined || !this.#open.has(id)) this.#listening.end(id);
      else this.onmessage?.(asked);
    } catch (error) {
      this.#session.unexpected(error, "");
      this.#refuse(rpcCode.internal, "The request failed inside the node; its log has the cause", id);
    }
  }

  /** Undefined for what is no message, which has its answer then. */
  #read(line: string): JSONRPCMessage | undefined {
    let value: unknown;
    try {
      value = parseJson(line, this.#session.limits.jsonDepthMax);
    } catch (error) {
      this.#refuse(rpcCode.parse, error instanceof OperoneError ? error.message : "No JSON came");
      return undefined;
    }
    try {
      return parseJSONRPCMessage(value);
    } catch {
      this.#refuse(rpcCode.request, notJsonRpc(value), idOf(value));
      return undefined;
    }
  }

  /** False for a request that is refused. */
  #counted(message: JSONRPCMessage): boolean {
    if (!("method" in message)) return true;
    if ("id" in message) return this.#admit(message.id);
    // A request that was cancelled is never answered.
    const id = message.method === "notifications/cancelled" ? message.params?.requestId : undefined;
    if (typeof id === "string" || typeof id === "number") {
      this.#open.delete(id);
      this.#listening.end(id);
    }
    return true;
  }

  #admit(id: RequestId): boolean {
    const { requestsMax } = this.#session.limits;
    if (this.#open.has(id)) {
      // Not with the id: that would answer the other one.
      this.#refuse(
        rpcCode.request,
        `The id ${JSON.stringify(id).slice(0, 100)} is that of a request that still runs`,
      );
      return false;
    }
    if (this.#open.size >= requestsMax) {
      this.#refuse(rpcCode.busy, `${requestsMax} requests are not answered yet; wait for some of them`, id);
      return false;
    }
    this.#open.add(id);
    return true;
  }

  #refuse(code: number, message: string, id?: RequestId): void {
    this.#say(`${JSON.stringify({ jsonrpc: "2.0", id: id ?? null, error: { code, message } })}\n`);
  }

  #say(text: string): void {
    if (this.#behind) this.#outgoing.push(text);
    else this.#write(text);
  }

  #write(text: string): void {
    if (this.#socket === undefined || this.#socket.send(text)) return;
    this.#behind = true;
    const { limits, timer } = this.#session;
    this.#stopStall = timer.after(limits.stallMs, () => {
      this.#socket?.cut();
      this.#end(new OperoneError("cancelled", `The agent's program read nothing for ${limits.stallMs} ms`));
    });
  }

  /** What was asked for until now is still answered. */
  #endInput(): void {
    for (const line of this.#lines.end()) this.#take(line);
    this.#inputEnded = true;
    const { limits, timer } = this.#session;
    this.#stopFinish = timer.after(limits.finishMs, () => this.#end(undefined));
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (this.#inputEnded && !this.#behind && this.#incoming.length === 0 && this.#open.size === 0)
      this.#end(undefined);
  }

  #end(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopStall();
    this.#stopFinish();
    this.#unwatch();
    this.#lists.close();
    this.#options.signal.removeEventListener("abort", this.#follow);
    if (reason !== undefined) this.#socket?.send(goodbye(reason));
    this.#socket?.close(reason === undefined ? closeCode.normal : closeCode.policy, "");
    const { limits, timer } = this.#session;
    // A client that does not read never learns of it, and whatever it sends keeps the connection alive.
    if (this.#socket !== undefined) this.#stopCut = timer.after(limits.finishMs, () => this.#socket?.cut());
    this.#incoming = [];
    this.#outgoing = [];
    this.#abort.abort(
      reason instanceof OperoneError ? reason : new OperoneError("cancelled", "The agent is gone"),
    );
    this.onclose?.();
    this.#options.ended?.();
  }
}

function idOf(value: unknown): RequestId | undefined {
  const id = typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}

function notJsonRpc(value: unknown): string {
  return Array.isArray(value)
    ? "A list of messages came; send each on a line of its own"
    : 'This is no message of JSON-RPC 2.0; send {"jsonrpc":"2.0","id":1,"method":"..."}';
}
