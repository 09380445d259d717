/** Calls that a part of the protocol makes by itself, as the agent: through the one dispatcher, like every other. */
import type { Answer, Call } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import { type Catalogue, catalogueOf } from "./mcp-catalogue.ts";
import type { McpIdentity, McpSession } from "./mcp-session.ts";
import { joined } from "./mcp-signal.ts";

export interface AgentCall {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Absent: what the connection works on. */
  readonly node?: string | undefined;
}

export class AgentCalls {
  readonly #session: McpSession;
  readonly #catalogue: Catalogue;

  constructor(session: McpSession) {
    this.#session = session;
    this.#catalogue = catalogueOf(session);
  }

  /** Says of operations whether the agent holds any right for them at the moment. */
  async reach(): Promise<(operation: string) => boolean> {
    const authority = this.#session.authority(await this.#session.identity());
    return (operation) => this.#catalogue.shows(authority, operation);
  }

  /**
   * @param use what becomes of the answer; the call ends with it
   * @throws OperoneError every refusal and failure
   */
  async with<T>(
    { operation, input, node = this.#session.node }: AgentCall,
    signals: readonly AbortSignal[],
    use: (answer: Answer, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const session = this.#session;
    const identity = await session.identity();
    const found = this.#catalogue.find(session.authority(identity), operation).operation;
    const { signal, release } = joined([...signals, session.signal, identity.revoked]);
    try {
      return await use(
        await session.view.call(callOf(session, identity, found.id, input, node, signal)),
        signal,
      );
    } catch (error) {
      if (!(error instanceof OperoneError)) session.unexpected(error, "");
      throw error;
    } finally {
      release();
    }
  }

  /** @throws OperoneError as `with`, and `internal` when it gives no value */
  async value(call: AgentCall, signals: readonly AbortSignal[]): Promise<unknown> {
    return await this.with(call, signals, async (answer) => {
      if (answer.gives === "value") return answer.value;
      throw new OperoneError("internal", `"${call.operation}" gave ${answer.gives} and no value`);
    });
  }
}

function callOf(
  session: McpSession,
  { caller, sets, revoked }: McpIdentity,
  operation: string,
  input: unknown,
  node: string | undefined,
  signal: AbortSignal,
): Call {
  return {
    surface: "mcp",
    ...{ operation, input, caller, sets, signal, revoked },
    callId: session.newCallId(),
    ...(node === undefined ? {} : { node }),
  };
}
