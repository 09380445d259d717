/** Requests of revision 2026-07-28 as they are on the wire, over a connection of `operone mcp`. */
import { type Connection, type ConnectionOptions, connect, type Message } from "./connection.ts";

export interface Modern extends AsyncDisposable {
  readonly connection: Connection;
  /** The result, or the error. */
  ask(method: string, params?: object): Promise<Message>;
  call(name: string, args?: object, more?: object): Promise<Message>;
}

/** @param capabilities of the client, sent with each request */
export async function modern(
  socketPath: string,
  options: ConnectionOptions,
  capabilities: object,
): Promise<Modern> {
  const connection = await connect(socketPath, { ...options, initialize: false });
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": capabilities,
  };
  const ask: Modern["ask"] = async (method, params = {}) => {
    const answer = await connection.request(method, { ...params, _meta });
    return (answer.result ?? { error: answer.error }) as Message;
  };
  return {
    ...{ connection, ask },
    call: (name, args = {}, more = {}) => ask("tools/call", { name, arguments: args, ...more }),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
