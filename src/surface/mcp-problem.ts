/** Failures of requests that have no result to be told in, as errors of the protocol. */
import { ProtocolError, ProtocolErrorCode, ResourceNotFoundError } from "@modelcontextprotocol/server";
import { type ErrorCode, OperoneError } from "../kernel/error.ts";
import type { McpSession } from "./mcp-session.ts";

/** What the one who asks can do something about. */
const theirs: ReadonlySet<ErrorCode> = new Set([
  "invalid_input",
  "not_found",
  "forbidden",
  "conflict",
  "too_large",
  "range",
]);

export async function protocolError<T>(
  session: Pick<McpSession, "unexpected">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof ResourceNotFoundError) throw error;
    if (error instanceof OperoneError) {
      const { code, message } = error;
      const rpc = theirs.has(code) ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError;
      throw new ProtocolError(rpc, message, { code });
    }
    session.unexpected(error, "");
    throw new ProtocolError(
      ProtocolErrorCode.InternalError,
      "The request failed inside the node; its log has the cause",
    );
  }
}
