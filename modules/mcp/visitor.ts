/**
 * Who a request is made by. A token is its own agent. The owner is none: whoever has the owner's socket, or the owner's
 * token, names the agent whose rights are to count, or gets those of an agent without a name, which may only look. So no
 * program that speaks this protocol acts as the owner.
 */
import type { Caller } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { McpIdentity } from "../../src/surface/mcp-session.ts";
import { type Agents, roles } from "../access/contract.ts";
import type { RouteVisit } from "../http/contract.ts";

const agentHeader = "operone-agent";

/** Of an agent that the owner has not named: a record of this name, if there is one, says what it may do. */
const namelessAgent = "default";

export interface Visitor {
  readonly agent: string;
  /** Told apart by this, whatever rights it has at the moment. */
  readonly key: string;
  readonly visit: RouteVisit;
  /** With the rights of this moment. @throws OperoneError `not_found` when there is no such agent any more */
  identity(): Promise<McpIdentity> | McpIdentity;
}

/** @throws OperoneError `forbidden` for a token that wants to be another agent, `invalid_input` */
export function visitorOf(request: Request, visit: RouteVisit, agents: Agents): Visitor {
  const named = request.headers.get(agentHeader);
  const { caller } = visit;
  if (caller.kind !== "owner") {
    if (named !== null && named !== caller.name) {
      throw new OperoneError(
        "forbidden",
        `This token is that of "${caller.name}", and only the owner can act as "${named.slice(0, 100)}"; leave the header ${agentHeader} out`,
      );
    }
    const identity = caller.kind === "agent" ? () => current(agents, caller) : () => visit;
    return { agent: caller.name, key: keyOf(caller), visit, identity };
  }
  if (named === "")
    throw new OperoneError("invalid_input", `The header ${agentHeader} is empty; name an agent in it`);
  const agent = named ?? namelessAgent;
  const identity = named === null ? () => nameless(agents) : () => agents.agentCaller(named);
  return { agent, key: `named ${agent}`, visit, identity };
}

function keyOf({ kind, id }: Caller): string {
  return `${kind} ${id}`;
}

/** The owner may have changed its rights since the request came. @throws OperoneError `not_found`, `unauthenticated` */
async function current(agents: Agents, { id, name }: Caller): Promise<McpIdentity> {
  const identity = await agents.agentCaller(name);
  if (identity.caller.id === id) return identity;
  throw new OperoneError("unauthenticated", `The token "${name}" has ended; another one has its name now`);
}

/** Sees the state of the node, until the owner makes an agent of this name. */
async function nameless(agents: Agents): Promise<McpIdentity> {
  try {
    return await agents.agentCaller(namelessAgent);
  } catch (error) {
    if (error instanceof OperoneError && error.code === "not_found") return observer;
    throw error;
  }
}

const observer: McpIdentity = {
  caller: { kind: "agent", id: namelessAgent, name: namelessAgent },
  sets: [
    {
      holder: "an agent without a name",
      owner: false,
      grants: roles.observer.grants,
      widen:
        'the owner connects an agent with rights of its own by "operone mcp connect", or starts this one as "operone mcp --as NAME"',
    },
  ],
  revoked: new AbortController().signal,
};
