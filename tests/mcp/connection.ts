/** A connection of `operone mcp` as a test holds it: lines to the node, and what it answers. */
import { openUnixWebSocket } from "../../src/platform/unix-fetch.ts";

/** The node takes 1 MiB. */
const frameBytesMax = 512 * 1024;

export type Message = Readonly<Record<string, unknown>>;

export interface Connection extends AsyncDisposable {
  /** Everything that has come, in its order. */
  readonly messages: readonly Message[];
  /** What the node said to whoever pumps. */
  readonly goodbyes: readonly Message[];
  send(bytes: string | Uint8Array): void;
  /** Says that no more will come. */
  end(): void;
  /** Reads no more of what comes; the connection stays. */
  request(method: string, params?: object, id?: number | string): Promise<Message>;
  call(name: string, args?: object): Promise<Message>;
  notify(method: string, params?: object): void;
  /** The first message, come or to come, that fits. */
  message(fits: (message: Message) => boolean): Promise<Message>;
  readonly closed: Promise<number>;
}

export interface ConnectionOptions {
  readonly as?: string;
  readonly query?: string;
  /** Without it nothing is sent at the beginning. */
  readonly initialize?: boolean;
}

export async function connect(socketPath: string, options: ConnectionOptions = {}): Promise<Connection> {
  const { as, query = "", initialize = true } = options;
  const headers: Record<string, string> = as === undefined ? {} : { "operone-agent": as };
  const { socket } = await openUnixWebSocket(socketPath, `/mcp${query}`, { protocols: [], headers });
  const { messages, goodbyes, closed, message } = heard(socket);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    socket.addEventListener("close", () => reject(new Error("The connection was refused")), { once: true });
  });
  const send = (given: string | Uint8Array) => {
    const bytes = typeof given === "string" ? new TextEncoder().encode(given) : given;
    for (let at = 0; at < bytes.length; at += frameBytesMax) socket.send(bytes.slice(at, at + frameBytesMax));
  };
  const write = (message: object) => send(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  let count = 0;
  const made: Connection = {
    ...{ messages, goodbyes, send, closed, message },
    end: () => socket.send("end"),
    request(method, params = {}, id = `r${++count}`) {
      write({ id, method, params });
      return message((one) => one.id === id && !("method" in one));
    },
    async call(name, args = {}) {
      const { result } = await made.request("tools/call", { name, arguments: args });
      return result as Message;
    },
    notify: (method, params = {}) => write({ method, params }),
    async [Symbol.asyncDispose]() {
      socket.close();
      await closed;
    },
  };
  if (initialize) {
    await made.request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "test", version: "1" },
    });
    made.notify("notifications/initialized");
  }
  return made;
}

function heard(socket: WebSocket) {
  socket.binaryType = "arraybuffer";
  const messages: Message[] = [];
  const goodbyes: Message[] = [];
  const waiting = new Set<() => void>();
  const closed = new Promise<number>((resolve) =>
    socket.addEventListener("close", ({ code }) => resolve(code)),
  );
  socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === "string") messages.push(JSON.parse(data) as Message);
    else goodbyes.push(JSON.parse(new TextDecoder().decode(data)) as Message);
    for (const look of waiting) look();
  });
  const message = (fits: (message: Message) => boolean) =>
    new Promise<Message>((resolve, reject) => {
      const look = () => {
        const found = messages.find(fits);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      void closed.then(() => reject(new Error(`It closed: ${JSON.stringify(goodbyes)}`)));
    });
  return { messages, goodbyes, closed, message };
}

/** The text of a tool's result. */
export function textOf(result: Message): string {
  const [first] = result.content as readonly { readonly text?: string }[];
  return first?.text ?? "";
}
